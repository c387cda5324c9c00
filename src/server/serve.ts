import { resolve } from 'node:path';
import { nanoid } from 'nanoid';
import type { Logger } from 'pino';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import { createHttpApp } from '../http/http-app.ts';
import { createHttpServer, defaultServerLimits } from '../http/http-server.ts';
import { defaultHttpSettings } from '../http/http-services.ts';
import { systemClock } from '../system/clock.ts';
import { systemHashes } from '../system/hashes.ts';
import { PoolDisk } from '../system/pool-disk.ts';
import { systemRandom } from '../system/random.ts';
import type { Configuration } from './configuration.ts';
import { makeDataDirectory, openIdentity } from './data-directory.ts';
import { DirectoryLock } from './directory-lock.ts';
import { checkFree, closeServer, listen } from './listen.ts';
import { createLogger } from './logger.ts';
import { Metrics } from './metrics.ts';
import { createObserver } from './observer.ts';
import { openPeering } from './peering.ts';
import { stopSignal } from './stop-signals.ts';
import { SupervisedDatabase } from './supervised-database.ts';
import { version } from './version.ts';

/** The exit code of a process that met a defect or a failing disk: the data is kept, and a restart is right. */
const exitDefect = 70;

/**
 * Runs one replica until it is told to stop.
 * @returns the exit code: 0 after a stop that was asked for
 * @throws LoggosError where it cannot start: `directory-locked`, `directory-unusable`, `in-use`, `usage` …
 */
export async function serve(configuration: Configuration): Promise<number> {
  // Before anything is made: what is kept is for its owner alone.
  process.umask(0o077);
  const stopped = stopSignal();
  const logger = loggerOf(configuration);
  const fatal = failStop(logger);
  const metrics = new Metrics();
  const observer = createObserver(logger, metrics);

  await checkFree(configuration.http);
  const disk = new PoolDisk();
  await makeDataDirectory(disk, configuration.data);
  const lock = await DirectoryLock.take(configuration.data, observer);
  try {
    const { data, replica } = configuration;
    const peering = await openPeering(disk, configuration, observer);
    const database = new SupervisedDatabase({
      ...{ name: 'main', configuration, observer, metrics, onFatal: fatal },
      ...(peering === undefined ? {} : { peering }),
      identify: (progress) => {
        const found = peering === undefined ? {} : { found: () => peering.found(progress) };
        return openIdentity(disk, data, replica, { random: systemRandom, observer, ...found });
      },
    });
    const front = await openFront(configuration, database, metrics, observer);
    let isClosed = false;
    try {
      const opening = database.open();
      const signalled = await Promise.race([opening, stopped]);
      if (signalled !== undefined) return leave('boot', observer);
      greet(front.url, data);
      observer.report('info', 'stopping', { signal: await stopped });
    } finally {
      await front.close(() => database.beginStop());
      isClosed = await database.stop();
    }
    return isClosed ? 0 : leave('recovery', observer);
  } finally {
    await lock.release();
  }
}

/**
 * A boot and a recovery may replay for minutes, and nothing is served meanwhile: it is left as a crash would leave it,
 * which every start copes with. The lock goes with the process, not before: what is left still writes.
 */
function leave(during: 'boot' | 'recovery', observer: Observer): never {
  observer.report('info', 'stopping', { during });
  process.exit(0);
}

/** What answers REST. */
interface Front {
  readonly url: string;
  /** Takes no more requests, calls `isClosing`, and resolves when those in flight have ended or their time is over. */
  close(isClosing: () => void): Promise<void>;
}

/** Answers from the first moments on, so that whoever asks during a long boot is told how far it is. */
async function openFront(
  configuration: Configuration,
  { databases }: SupervisedDatabase,
  metrics: Metrics,
  observer: Observer,
): Promise<Front> {
  const { deadline, hosts, insecure, http, stopWithin, connectionsPerAddress: perAddressMax } = configuration;
  const app = createHttpApp({
    databases,
    settings: {
      ...defaultHttpSettings,
      deadlineMs: deadline,
      hosts: [...defaultHttpSettings.hosts, ...hosts],
      checkHost: !insecure || hosts.length > 0,
    },
    clock: systemClock,
    random: systemRandom,
    hashes: systemHashes,
    observer,
    ids: () => nanoid(),
    metrics: () => metrics.text(),
    version,
  });
  metrics.gauge('http_open_streams', 'Event streams and long polls that are open.', () => app.openStreams);
  const server = createHttpServer(app, { ...defaultServerLimits, perAddressMax });
  const url = await listen(server, http);
  observer.report('info', 'listening', { url });
  if (insecure) observer.report('warn', 'open-to-all', { url });
  return {
    url,
    close: async (isClosing) => {
      app.closeStreams();
      isClosing();
      await closeServer(server, stopWithin);
    },
  };
}

function greet(url: string, data: string): void {
  const put = `curl -X PUT ${url}/v1/documents/cities/gaios -H 'Content-Type: application/json' -d '{"harbour":true}'`;
  process.stdout.write(`Loggos answers at ${url}\n  try   ${put}\n  data  ${resolve(data)}\n  stop  Ctrl-C\n`);
}

function loggerOf({ logLevel, logFormat }: Configuration): Logger {
  const auto = process.stderr.isTTY ? 'text' : 'json';
  return createLogger(logLevel, logFormat === 'auto' ? auto : logFormat);
}

/**
 * What is not expected ends the process at once, without a clean-up that writes (RELIABILITY 5.3): all that was
 * acknowledged is on disk, and the next start goes on from there.
 */
function failStop(logger: Logger): (error: unknown) => void {
  const fatal = (error: unknown): void => {
    const facts = error instanceof LoggosError ? { code: error.code } : {};
    logger.fatal({ ...facts, error }, 'stopped-by-a-defect');
    process.exit(exitDefect);
  };
  process.on('uncaughtException', fatal);
  process.on('unhandledRejection', fatal);
  return fatal;
}
