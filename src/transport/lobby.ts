import type { Clock } from '../base/clock.ts';
import type { Hashes } from '../base/hashes.ts';
import type { Network } from '../base/network.ts';
import type { Observer } from '../base/observer.ts';
import type { Random } from '../base/random.ts';
import { ballotZero, type ReplicaId } from '../paxos/ballot.ts';
import { type KnownMember, Links } from './links.ts';

export interface LobbyOptions {
  readonly database: string;
  readonly self: ReplicaId;
  /** Every founding member, this one too. */
  readonly founders: readonly KnownMember[];
  /** A name for the cluster, where nobody has one yet. */
  newClusterId(): string;
  /** Names of those that are waited for, whenever they change. */
  onMissing(names: readonly string[]): void;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly hashes: Hashes;
  readonly observer: Observer;
}

/** Who waits says so this often, in milliseconds. */
const sayEveryMs = 10_000;
/** Nothing is said here but who is there. */
const messageBytesMax = 64 * 1024;

/**
 * Where a replica with a new data directory waits until it knows which cluster it is of: the one of the first founder
 * that has one. Where nobody has, the founder with the lowest number gives the cluster its name once all others are
 * there, and they learn it when it comes back as a replica. Nobody has an incarnation here, and nothing is promised.
 * @throws NetworkError where it cannot listen
 */
export async function findCluster(options: LobbyOptions): Promise<string> {
  const { self, founders, newClusterId, onMissing, clock, observer } = options;
  const missing = new Map(founders.filter(({ id }) => id !== self).map(({ id, name }) => [id, name]));
  const namesIt = founders.every(({ id }) => id >= self);
  const [first] = [...missing.values()];
  /** Where all are there, it is the first one that has not named the cluster yet. */
  const waitedFor = () => (missing.size > 0 ? [...missing.values()] : [first ?? '']);
  if (missing.size === 0) return newClusterId();
  let cancel = (): void => undefined;
  const say = (): void => {
    cancel();
    onMissing(waitedFor());
    observer.report('info', 'waiting-for-peers', {
      missing: waitedFor().join(', '),
      advice: 'start each of them with the same --peers',
    });
    cancel = clock.after(sayEveryMs, say);
  };
  const found = Promise.withResolvers<string>();
  const links = new Links({
    ...options,
    observer: quietened(observer),
    self: { replica: self, incarnation: '0'.repeat(16), session: 'lobby', ...nothingSaid },
    messageBytesMax,
    onMessage: () => undefined,
    onPeer: ({ replica, clusterId }) => {
      if (!founders.some(({ id }) => id === replica)) return;
      const isNew = missing.delete(replica);
      if (clusterId !== undefined) found.resolve(clusterId);
      else if (namesIt && missing.size === 0) found.resolve(newClusterId());
      else if (isNew) say();
    },
  });
  try {
    await links.start();
    links.know(undefined, founders);
    say();
    return await found.promise;
  } finally {
    cancel();
    links.stop();
  }
}

/** Founders come and go until all know the cluster; only what keeps them apart is worth a word. */
function quietened(observer: Observer): Observer {
  return {
    report: (level, event, facts) => {
      if (event === 'connection-refused') observer.report(level, event, facts);
    },
    count: (counter, amount) => observer.count(counter, amount),
    measure: (histogram, value) => observer.measure(histogram, value),
  };
}

const nothingSaid = { promised: ballotZero, lastInstance: 0, isDoubtful: false } as const;
