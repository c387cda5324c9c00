import { quietDials, type ShapeName, withFaults, withShapes } from '../../../src/simulation/world/dials.ts';
import type { FaultKind } from '../../../src/simulation/world/fault-kinds.ts';
import { MachineRoom, type MachineRoomOptions } from '../../../src/simulation/world/machine-room.ts';
import type { Hands } from '../../../src/simulation/world/simulated-process.ts';

interface TestRoomOptions extends Partial<Omit<MachineRoomOptions, 'dials'>> {
  readonly faults?: Partial<Record<FaultKind, number>>;
  readonly shapes?: Partial<Record<ShapeName, number>>;
  readonly machines?: readonly string[];
}

/**
 * A room whose processes are nothing but their hands, for tests that play the program themselves. All have started.
 * Quiet but for the faults that are named.
 */
export async function testRoom(options: TestRoomOptions = {}) {
  const { faults = {}, shapes = {}, machines = ['aalto', 'koski'], ...others } = options;
  const dials = withShapes(withFaults(quietDials, faults), shapes);
  const room = new MachineRoom<Hands>({ seed: 1, ...others, dials });
  for (const name of machines) room.addMachine(name).start(handsOnly);
  await room.run();
  return room;
}

export async function handsOnly(hands: Hands): Promise<Hands> {
  return hands;
}

/** The hands of the process that runs on a machine. */
export function handsOf(room: MachineRoom<Hands>, machine: string): Hands {
  const hands = room.machine(machine).running;
  if (hands === undefined) throw new Error(`nothing runs on ${machine}`);
  return hands;
}

export const text = (words: string): Uint8Array => new TextEncoder().encode(words);
export const words = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
