import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Address, isLoopback, parseAddress, printAddress } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import { type Network, NetworkError } from '../base/network.ts';
import type { Observer } from '../base/observer.ts';
import { type Founder, readFounders, writeFounders } from '../checkpoint/founders-file.ts';
import { readIdentity } from '../checkpoint/identity-file.ts';
import { randomId } from '../checkpoint/random-id.ts';
import { systemClock } from '../system/clock.ts';
import { fileWords } from '../system/file-words.ts';
import { systemHashes } from '../system/hashes.ts';
import { systemRandom } from '../system/random.ts';
import { TcpNetwork } from '../system/tcp-network.ts';
import { secretBytesMin, type TcpSecurity } from '../system/tcp-security.ts';
import { findCluster } from '../transport/lobby.ts';
import type { BootProgress } from './boot-progress.ts';
import type { Configuration } from './configuration.ts';

/** How a replica of several reaches the others. */
export interface Peering {
  readonly network: Network;
  /** Who forms the group, as long as no membership is known. */
  readonly founders: readonly Founder[];
  /** Where a member is reached now: what this start was told, before what the group knows. */
  addressOf(member: Pick<Founder, 'name' | 'address'>): string;
  /** Of a new data directory: waits until it is known which cluster it is of. */
  found(progress: BootProgress): Promise<{ readonly clusterId: string; readonly replicaId: number }>;
}

/**
 * Undefined: this replica is alone.
 * @throws LoggosError `usage`, `in-use`, `directory-unusable`
 */
export async function openPeering(
  disk: Disk,
  configuration: Configuration,
  observer: Observer,
): Promise<Peering | undefined> {
  const { data, peers, replica } = configuration;
  const identity = await readIdentity(disk, data);
  const known = await readFounders(disk, data);
  if (peers.length === 0 && known === undefined) return undefined;
  if (identity !== undefined && known === undefined) {
    const advice = 'start it without --peers, or with a new --data';
    throw new LoggosError(
      'usage',
      `${data} is a group of its own, and --peers forms one of new directories: ${advice}`,
    );
  }
  const name = identity?.name ?? replica;
  const isNew = identity === undefined && peers.length > 0;
  const founders = isNew || known === undefined ? foundersOf(peers) : known;
  const self = founders.find((founder) => founder.name === name);
  if (self === undefined) {
    throw new LoggosError('usage', `--peers does not name this replica: add ${name}=host:port, or say --replica`);
  }
  const told = new Map(peers.map((peer) => [peer.name, printAddress(peer)]));
  const addressOf = ({ name, address }: Pick<Founder, 'name' | 'address'>) => told.get(name) ?? address;
  const own = configuration.peer ?? peers.find((peer) => peer.name === name) ?? addressIn(self);
  const security = securityOf(configuration, name);
  const network = new TcpNetwork({ ...own, security, observer });
  await tryToListen(network);
  if (security.kind === 'plain' && security.isExposed && [own, ...peers].some(({ host }) => !isLoopback(host))) {
    const advice = 'whoever reaches the address is taken for a replica: give --peer-certificate or --peer-secret';
    observer.report('warn', 'peers-in-plain', { advice });
  }
  return {
    network,
    founders: founders.map((founder) => ({ ...founder, address: addressOf(founder) })),
    addressOf,
    async found(progress) {
      const clusterId = await findCluster({
        ...{ database: 'main', self: self.id, founders, network, observer },
        newClusterId: () => randomId(systemRandom),
        onMissing: (names) => progress.at(() => ({ phase: 'meeting', missing: names.join(', ') })),
        ...{ clock: systemClock, random: systemRandom, hashes: systemHashes },
      });
      await writeFounders(disk, data, founders);
      return { clusterId, replicaId: self.id };
    },
  };
}

/** The first history of a database of several replicas: each of them names it by itself, before anything is chosen. */
export function firstHistoryId(clusterId: string, database: string): string {
  const hash = systemHashes.sha256(new TextEncoder().encode(`${clusterId}/${database}`));
  return Buffer.from(hash.subarray(0, 16)).toString('hex');
}

/** Numbers go by name, so that it does not matter in which order each replica was told the names. */
function foundersOf(peers: Configuration['peers']): Founder[] {
  const names = peers.map(({ name }) => name).sort();
  return peers
    .map((peer) => ({ id: names.indexOf(peer.name) + 1, name: peer.name, address: printAddress(peer) }))
    .sort((left, right) => left.id - right.id);
}

function addressIn(founder: Founder): Address {
  const address = parseAddress(founder.address);
  assert(address !== undefined, 'a founder has an address', founder);
  return address;
}

function securityOf(configuration: Configuration, name: string): TcpSecurity {
  const { peerCertificate, peerKey, peerAuthority, peerSecret, insecure } = configuration;
  if (peerSecret !== '') {
    const secret = Buffer.from(readSetting('--peer-secret', peerSecret).trim());
    if (secret.length >= secretBytesMin) return { kind: 'secret', secret };
    const advice = 'head -c 32 /dev/urandom | base64 makes one';
    throw new LoggosError('usage', `${peerSecret} has fewer than ${secretBytesMin} bytes: ${advice}`);
  }
  if (peerCertificate === '') return { kind: 'plain', isExposed: insecure };
  const certificate = readSetting('--peer-certificate', peerCertificate);
  refuseNameless(certificate, peerCertificate, name);
  const key = readSetting('--peer-key', peerKey);
  return { kind: 'certificates', key, certificate, authority: readSetting('--peer-authority', peerAuthority) };
}

/** The others would refuse it, each of them. @throws LoggosError `usage` */
function refuseNameless(certificate: string, path: string, name: string): void {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch (error) {
    throw new LoggosError('usage', `${path} is no certificate (PEM): ${(error as Error).message}`, {}, error);
  }
  if (parsed.checkHost(name, { subject: 'never', wildcards: false }) !== undefined) return;
  const names = parsed.subjectAltName ?? 'none';
  throw new LoggosError('usage', `${path} does not name this replica: its SAN needs DNS:${name}, and has ${names}`);
}

function readSetting(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new LoggosError('usage', `${flag} ${path}: ${fileWords(error)}`, {}, error);
  }
}

/** Asked before any data is touched. @throws LoggosError `in-use`, `usage` */
async function tryToListen(network: Network): Promise<void> {
  try {
    await network.listen((connection) => {
      connection.receive({ onData() {}, onDrain() {}, onClose() {} });
      connection.close();
    });
    network.stopListening();
  } catch (error) {
    const isTaken = error instanceof NetworkError && error.kind === 'in-use';
    const message = error instanceof Error ? error.message : String(error);
    throw isTaken
      ? new LoggosError('in-use', `${message}: choose another by --peer`, {}, error)
      : new LoggosError('usage', `no replica can be reached here: ${message}`, {}, error);
  }
}
