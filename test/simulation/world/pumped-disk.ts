import type { Disk, DiskFile } from '../../../src/base/disk.ts';

/** The disk for a caller that knows nothing of virtual time: whenever a call waits, the room runs until it is idle. */
export function pumpedDisk(room: { run(): Promise<unknown> }, disk: Disk): Disk {
  let isRunning = false;
  const pump = async () => {
    if (isRunning) return;
    isRunning = true;
    await room.run();
    isRunning = false;
  };
  const wrap = <Target extends Disk | DiskFile>(target: Target): Target =>
    new Proxy(target, {
      get: (_, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return async (...values: unknown[]) => {
          const answer: Promise<unknown> = method.apply(target, values);
          setImmediate(pump);
          const value = await answer;
          return name === 'open' ? wrap(value as DiskFile) : value;
        };
      },
    });
  return wrap(disk);
}
