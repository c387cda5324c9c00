import { assert } from '../base/assert.ts';
import { LoggosError } from '../base/errors.ts';
import type { ExecuteResult, Fingerprint, MachineValue, StateMachine } from './state-machine.ts';

const idMax = 2 ** 31 - 1;

interface Seat {
  readonly machine: StateMachine;
  /** The last instance that the machine's live state has executed, or that its checkpoint covered when it came. */
  executedTo: number;
}

/**
 * The state machines of one group. Each is called for every instance; what is whose is decided by the machine id in
 * the value. At start a machine stands at its own checkpoint, and one that is ahead of the others is left out until
 * they have come level.
 */
export class Machines {
  readonly #seats = new Map<number, Seat>();

  /** @throws LoggosError `usage` for two machines of one id, or an id out of range */
  constructor(machines: readonly StateMachine[]) {
    for (const machine of machines) this.register(machine);
  }

  /**
   * Adds a machine that stands at its checkpoint; whoever registers one later brings it level by `execute`.
   * @throws LoggosError `usage`: its id is another's, or no integer from 1 to 2^31 − 1
   */
  register(machine: StateMachine): void {
    const { id } = machine;
    if (!Number.isInteger(id) || id < 1 || id > idMax) {
      throw new LoggosError('usage', `A state machine's id is an integer from 1 to ${idMax}, not ${id}.`, { id });
    }
    if (this.#seats.has(id)) {
      throw new LoggosError('usage', `Two state machines of one group have the id ${id}.`, { id });
    }
    this.#seats.set(id, { machine, executedTo: machine.checkpointInstance() });
  }

  get all(): readonly StateMachine[] {
    return [...this.#seats.values()].map((seat) => seat.machine);
  }

  has(machineId: number): boolean {
    return this.#seats.has(machineId);
  }

  /** The group's effective checkpoint instance: the minimum over its machines; 0 where there are none. */
  get checkpointInstance(): number {
    if (this.#seats.size === 0) return 0;
    let lowest = Number.MAX_SAFE_INTEGER;
    for (const { machine } of this.#seats.values()) lowest = Math.min(lowest, machine.checkpointInstance());
    return lowest;
  }

  /**
   * Executes an instance on every machine that has not yet done so.
   * @param machineId - whose `value` is; undefined for an instance that is nobody's
   * @param onFingerprint - told of each machine that executed
   * @returns what the owner gave; undefined where nobody owns the instance or its checkpoint covered it
   */
  execute(
    instance: number,
    machineId: number | undefined,
    value: MachineValue | undefined,
    context: unknown,
    onFingerprint: (machineId: number, fingerprint: Fingerprint) => void,
  ): ExecuteResult | undefined {
    assert(machineId === undefined || this.has(machineId), "a value's machine is registered before it executes");
    let own: ExecuteResult | undefined;
    for (const seat of this.#seats.values()) {
      if (instance <= seat.executedTo) continue;
      const isOwner = seat.machine.id === machineId;
      const result = executeOn(seat, instance, isOwner ? value : undefined, isOwner ? context : undefined);
      onFingerprint(seat.machine.id, result.fingerprint);
      if (isOwner) own = result;
    }
    return own;
  }
}

function executeOn(seat: Seat, instance: number, value: MachineValue | undefined, context: unknown): ExecuteResult {
  if (instance !== seat.executedTo + 1) {
    const facts = { machine: seat.machine.id, instance, executedTo: seat.executedTo };
    assert(false, 'a machine executes every instance once, in order', facts);
  }
  const result = seat.machine.execute(instance, value, context);
  if (value !== undefined) {
    assert(result.outcomes.length === value.proposals.length, 'a machine gives one outcome for each proposal');
  }
  seat.executedTo = instance;
  return result;
}
