import { delay } from '../../../src/base/clock.ts';
import type { Connection } from '../../../src/base/network.ts';
import type { Hands } from '../../../src/simulation/world/simulated-process.ts';

/** What a test sees of a running process. */
export interface Running {
  readonly heard: string[];
  readonly ticks: number;
}

/**
 * A small program that uses everything: it counts its lives in a file, says so to the others, and writes down what it
 * hears. For tests of the world; nothing of it is Loggos.
 */
export function counterProgram(others: readonly string[]): (hands: Hands) => Promise<Running> {
  return async (hands) => {
    const { disk, clock, network, random } = hands;
    await disk.makeDirectory('data');
    await disk.syncDirectory('');
    const known = await disk.stat('data/lives');
    const file = await disk.open('data/lives', known === undefined ? 'create' : 'write');
    if (known === undefined) await disk.syncDirectory('data');
    const running = { heard: [] as string[], ticks: 0 };
    let length = await file.size();
    const note = async (text: string): Promise<void> => {
      const bytes = new TextEncoder().encode(`${text}\n`);
      length += await file.writeAndSync(length, bytes);
    };
    await note(`life ${hands.life} at ${clock.now()}`);
    const connections = new Set<Connection>();
    const greet = (connection: Connection): void => {
      connections.add(connection);
      connection.receive({
        onData: (bytes) => running.heard.push(`${connection.remoteAddress}: ${new TextDecoder().decode(bytes)}`),
        onDrain: () => {},
        onClose: () => connections.delete(connection),
      });
    };
    await network.listen(greet).catch(hands.exit);
    const speak = async (other: string): Promise<void> => {
      for (;;) {
        const connection = await network.connect(other).catch(() => undefined);
        if (connection !== undefined) {
          greet(connection);
          while (connections.has(connection)) {
            connection.send(new TextEncoder().encode(`${hands.machine}.${hands.life}.${running.ticks}`));
            await delay(clock, 50 + random.integer(100));
          }
        }
        await delay(clock, 100);
      }
    };
    const tick = (): void => {
      running.ticks += 1;
      clock.after(100, tick);
    };
    tick();
    for (const other of others) if (other !== hands.machine) void speak(other);
    return running;
  };
}
