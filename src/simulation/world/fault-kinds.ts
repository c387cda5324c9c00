/** How often a kind of fault strikes where it exists at all. */
export interface FaultRange {
  /** `chance`: of each call, frame or connection that could be struck. `per-minute`: of virtual time, in the whole world. */
  readonly unit: 'chance' | 'per-minute';
  readonly least: number;
  readonly most: number;
  readonly says: string;
}

const chance = (least: number, most: number, says: string): FaultRange => ({ unit: 'chance', least, most, says });
const perMinute = (least: number, most: number, says: string): FaultRange => ({
  unit: 'per-minute',
  least,
  most,
  says,
});

/** Every kind of fault. Each can be switched off alone, has a counter, and does one thing. */
export const faultKinds = {
  'frame-drop': chance(0.001, 0.3, 'a frame is never delivered, and the connection stands'),
  'frame-duplicate': chance(0.001, 0.3, 'a frame is delivered twice, the second time a little later'),
  'frame-reorder': chance(0.001, 0.5, 'a frame overtakes others'),
  'frame-replay': chance(0.001, 0.3, 'an old frame of this connection comes again, long after'),
  'old-chunk-replay': chance(0.001, 0.1, 'a chunk of an older connection comes on a newer one'),
  'chunk-corrupt': chance(0.0005, 0.02, 'a bit of a chunk is flipped'),
  'chunk-split': chance(0.01, 0.5, 'a chunk arrives in two parts'),
  'chunk-join': chance(0.01, 0.5, 'a chunk arrives together with the next'),
  'chunk-cut': chance(0.0005, 0.01, 'the connection breaks in the middle of a chunk'),
  'connection-reset': chance(0.0005, 0.01, 'the connection breaks between two chunks'),
  'connect-refused': chance(0.01, 0.3, 'a connection is refused although somebody listens'),
  'slow-chunk': chance(0.001, 0.05, 'a chunk, and what is behind it, is held up'),
  'one-way-cut': perMinute(1, 20, 'nothing goes from one machine to another; the other way is open'),
  'ring-partition': perMinute(1, 10, 'every machine reaches only its neighbours in a circle, or only the next one'),
  'size-partition': perMinute(1, 20, 'two groups that do not reach each other'),
  isolation: perMinute(1, 20, 'one machine is alone'),
  clog: perMinute(1, 30, 'nothing leaves a path for a while; it fills up'),
  kill: perMinute(1, 30, 'a process ends; what it wrote stays'),
  'power-cut': perMinute(1, 30, 'a machine goes off; what was not synced may be lost'),
  'all-power-cut': perMinute(0.5, 5, 'every machine goes off at once'),
  pause: perMinute(1, 30, 'a process does nothing for a while, and does not know it'),
  'boot-crash': chance(0.05, 0.5, 'a process ends in the middle of its start'),
  'double-start': chance(0.02, 0.3, 'a second process starts on a machine where one lives'),
  'clock-skew': chance(0.2, 1, 'the wall clock of a machine is off from the beginning'),
  'clock-drift': chance(0.2, 1, 'the quartz of a machine runs at another rate'),
  'wall-jump': perMinute(1, 20, 'the wall clock of a machine jumps by up to an hour'),
  'clock-stall': perMinute(1, 20, 'the clocks of a machine stand still for a while'),
  'torn-write': chance(0.3, 1, 'a write in flight when a process ends leaves a part of itself'),
  'early-writeback': chance(
    0.01,
    0.5,
    'sectors of a write reach the platter before their sync, whatever becomes of it',
  ),
  'disk-stall': chance(0.0005, 0.02, 'a call of the disk takes up to two seconds'),
  'read-error': chance(0.0002, 0.01, 'a read fails'),
  'write-error': chance(0.0002, 0.01, 'a write fails; a part of it may have landed'),
  'sync-error': chance(0.0002, 0.01, 'a sync fails; the data stays readable until the machine goes off'),
  'directory-error': chance(0.0002, 0.01, 'an operation on names fails'),
  'short-write': chance(0.0005, 0.05, 'a write takes fewer bytes than it was given, and says so'),
  'full-disk': perMinute(1, 10, 'a disk has no room for a while, from any byte on'),
  'cache-eviction': chance(0.001, 0.2, 'a read comes from the platter instead of the cache'),
  'read-rot': chance(0.001, 0.03, 'a read gives a wrong bit, once'),
  'rest-rot': perMinute(1, 20, 'bits of a sector change on the platter, or it cannot be read any more'),
  'misdirected-write': chance(0.0002, 0.01, 'a synced sector lands at another place'),
  'lost-write': chance(0.0002, 0.01, 'a synced sector does not land: the older content stays'),
  'disk-lost': perMinute(1, 6, 'a machine comes back with an empty disk'),
  'disk-rolled-back': perMinute(1, 6, 'a machine comes back with an earlier copy of its disk'),
  'disk-cloned': perMinute(1, 6, 'a machine comes back with a copy of the disk of another'),
} as const satisfies Record<string, FaultRange>;

export type FaultKind = keyof typeof faultKinds;
export const faultKindNames = Object.keys(faultKinds) as readonly FaultKind[];

/** Kinds after which what was synced is not there any more: the fault atlas decides whether they may strike. */
export const damagingKinds: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'read-rot',
  'rest-rot',
  'misdirected-write',
  'lost-write',
  'disk-lost',
  'disk-rolled-back',
  'disk-cloned',
]);
