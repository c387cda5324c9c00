import { z } from 'zod';
import { isLoopback } from '../base/address.ts';
import { LoggosError } from '../base/errors.ts';
import {
  address,
  bytes,
  count,
  duration,
  flag,
  namedAddresses,
  names,
  optionalAddress,
} from './configuration-values.ts';

/** One setting: the flag `--segment-bytes`, the variable LOGGOS_SEGMENT_BYTES and the key `segmentBytes` of the file. */
interface Setting {
  readonly schema: z.ZodType;
  /** As a person would write it; absent where there is none. */
  readonly default?: string;
  /** What stands after the flag in its help; absent for one that is on when named. */
  readonly argument?: string;
  readonly description: string;
}

const MiB = 1 << 20;

const settings = {
  http: {
    schema: address,
    default: '127.0.0.1:8080',
    argument: 'host:port',
    description: 'Where REST is served; port 0 takes a free one.',
  },
  data: {
    schema: z.string().min(1),
    default: 'data',
    argument: 'directory',
    description: 'Where everything is kept; made where it is absent, and used by one process at a time.',
  },
  replica: {
    schema: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'lower-case letters, digits and -, at most 32'),
    default: 'loggos',
    argument: 'name',
    description: "This replica's name, given to it at its first start.",
  },
  peer: {
    schema: optionalAddress,
    default: '',
    argument: 'host:port',
    description: "Where other replicas are listened to; absent: this replica's own address in --peers.",
  },
  peers: {
    schema: namedAddresses,
    default: '',
    argument: 'name=host:port,…',
    description:
      'All replicas of a new group, this one too, with the addresses they dial; the same for each. Later: addresses that have changed.',
  },
  peerCertificate: {
    schema: z.string(),
    default: '',
    argument: 'file',
    description: 'PEM. Proves to other replicas by TLS 1.3 who this one is: its SAN names it (DNS:<name>).',
  },
  peerKey: { schema: z.string(), default: '', argument: 'file', description: 'PEM. The key of --peer-certificate.' },
  peerAuthority: {
    schema: z.string(),
    default: '',
    argument: 'file',
    description: 'PEM. The authority that signs the certificates of the replicas of this cluster, and no others.',
  },
  peerSecret: {
    schema: z.string(),
    default: '',
    argument: 'file',
    description: 'In place of certificates: a secret that the replicas share. Whoever has it may pose as any of them.',
  },
  insecure: {
    schema: flag,
    default: 'false',
    description:
      'Allow an address that is not loopback: whoever reaches it may read and write everything, as a replica too.',
  },
  hosts: {
    schema: names,
    default: '',
    argument: 'names',
    description: 'Host names beside addresses and localhost that requests may name, with commas between.',
  },
  deadline: {
    schema: duration(1, 600_000),
    default: '5s',
    argument: 'time',
    description: 'How long a request may wait; more rides out longer stalls, less tells clients sooner.',
  },
  stopWithin: {
    schema: duration(0, 600_000),
    default: '10s',
    argument: 'time',
    description: 'How long a stop waits for requests in flight before their connections are cut.',
  },
  connectionsPerAddress: {
    schema: count(0, 10_000),
    default: '1000',
    argument: 'count',
    description:
      'Connections that one address may have, loopback aside; 0 is no limit, for a proxy in front that has them all.',
  },
  segmentBytes: {
    schema: bytes(MiB, 1024 * MiB),
    default: '64MiB',
    argument: 'size',
    description: 'Of one log file; larger ones roll less often, smaller ones free disk sooner.',
  },
  tailBytesMax: {
    schema: bytes(4 * MiB, 4096 * MiB),
    default: '256MiB',
    argument: 'size',
    description: 'Memory for what the checkpoint does not hold yet; writes slow down from half of it and wait at it.',
  },
  scrubBytesPerSecond: {
    schema: bytes(0, 1024 * MiB),
    default: '4MiB',
    argument: 'size',
    description: 'How fast the checkpoint is read again in search of rot; 0 switches it off.',
  },
  selfSealBytes: {
    schema: bytes(64 << 10, 1024 * 1024 * MiB),
    default: '1GiB',
    argument: 'size',
    description:
      'Log after which a group of one makes a snapshot of its own, to rebuild from if its checkpoint rots; half of the checkpoint where that is more.',
  },
  logLevel: {
    schema: z.enum(['debug', 'info', 'warn', 'error']),
    default: 'info',
    argument: 'level',
    description: 'The least that is logged: debug, info, warn or error.',
  },
  logFormat: {
    schema: z.enum(['auto', 'text', 'json']),
    default: 'auto',
    argument: 'format',
    description: 'How it is logged: text to read, json to collect; auto is text on a terminal.',
  },
} as const satisfies Record<string, Setting>;

/** A setting's key in the file, and its property in `Configuration`. */
export type SettingName = keyof typeof settings;

/** Every setting, parsed: sizes in bytes, times in milliseconds. Frozen; no part reads the environment itself. */
export type Configuration = Readonly<{ [Name in SettingName]: z.output<(typeof settings)[Name]['schema']> }>;

/** A configuration, and for each value where it came from: `default`, `file`, `LOGGOS_…` or `--…`. */
export interface ResolvedConfiguration {
  readonly values: Configuration;
  readonly texts: Readonly<Record<SettingName, string>>;
  readonly origins: Readonly<Record<SettingName, string>>;
}

/** What `--help` and `loggos config` show of each setting. */
export const settingList: readonly ({ readonly name: SettingName; readonly flag: string } & Omit<Setting, 'schema'>)[] =
  (Object.entries(settings) as [SettingName, Setting][]).map(([name, { schema: _schema, ...rest }]) => ({
    name,
    flag: flagOf(name),
    ...rest,
  }));

/**
 * Puts a configuration together: flags before the environment before the file before defaults.
 * @param flags - by setting name, as written; undefined: not given
 * @param fileText - the JSON of the configuration file; undefined: there is none
 * @throws LoggosError `usage` naming the flag, variable or key that is wrong
 */
export function resolveConfiguration(
  flags: Readonly<Record<string, string | boolean | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
  fileText?: string,
): ResolvedConfiguration {
  const file = fileText === undefined ? {} : parseFile(fileText);
  const values: Record<string, unknown> = {};
  const texts: Record<string, string> = {};
  const origins: Record<string, string> = {};
  for (const { name, default: fallback } of settingList) {
    const variable = variableOf(name);
    const [given, origin] =
      flags[name] !== undefined
        ? [flags[name], flagOf(name)]
        : environment[variable] !== undefined
          ? [environment[variable], variable]
          : file[name] !== undefined
            ? [file[name], `"${name}" in the file`]
            : [fallback, 'default'];
    const parsed = settings[name].schema.safeParse(String(given));
    if (!parsed.success) {
      throw new LoggosError('usage', `${origin} ${JSON.stringify(given)}: ${parsed.error.issues[0]?.message}`);
    }
    values[name] = parsed.data;
    texts[name] = String(given);
    origins[name] = origin;
  }
  return {
    values: Object.freeze(checkRelations(values as Configuration)),
    texts: texts as Record<SettingName, string>,
    origins: origins as Record<SettingName, string>,
  };
}

function parseFile(text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new LoggosError('usage', `the configuration file is not JSON: ${(error as Error).message}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new LoggosError('usage', 'the configuration file is one JSON object');
  }
  const unknown = Object.keys(parsed).find((key) => !Object.hasOwn(settings, key));
  if (unknown !== undefined) throw new LoggosError('usage', `"${unknown}" in the file is not a setting`);
  return parsed as Record<string, unknown>;
}

function checkRelations(values: Configuration): Configuration {
  checkPeers(values);
  if (!values.insecure && !isLoopback(values.http.host)) {
    throw new LoggosError('usage', `${values.http.host} is open to others, without authentication: add --insecure`);
  }
  return values;
}

/** The network between replicas is hostile, this machine's own is not. */
function checkPeers({
  peer,
  peers,
  insecure,
  peerCertificate,
  peerKey,
  peerAuthority,
  peerSecret,
}: Configuration): void {
  const files = [peerCertificate, peerKey, peerAuthority].filter((path) => path !== '').length;
  if (files === 1 || files === 2) {
    throw new LoggosError('usage', '--peer-certificate, --peer-key and --peer-authority belong together');
  }
  if (files > 0 && peerSecret !== '') {
    throw new LoggosError('usage', '--peer-secret stands in place of --peer-certificate: give one of them');
  }
  for (const [index, { host, port, name }] of peers.entries()) {
    const other = peers.slice(0, index).find((earlier) => earlier.host === host && earlier.port === port);
    if (other === undefined) continue;
    throw new LoggosError('usage', `--peers has ${host}:${port} for ${other.name} and ${name}: give each its own`);
  }
  if (insecure || files > 0 || peerSecret !== '') return;
  const open = [...(peer === undefined ? [] : [peer]), ...peers].find(({ host }) => !isLoopback(host));
  if (open === undefined) return;
  const advice = 'give --peer-certificate, --peer-key and --peer-authority, or --peer-secret, or add --insecure';
  throw new LoggosError('usage', `replicas at ${open.host} would speak in plain over a network: ${advice}`);
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function variableOf(name: string): string {
  return `LOGGOS_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
