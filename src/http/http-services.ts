import type { Clock } from '../base/clock.ts';
import type { Hashes } from '../base/hashes.ts';
import type { Observer } from '../base/observer.ts';
import type { Salts } from './salts.ts';

/** Limits and waits of the REST interface; `defaultHttpSettings` has what each is without a word from the user. */
export interface HttpSettings {
  /** The most bytes of a request's body. */
  readonly bodyBytesMax: number;
  /** How long a request waits (for a quorum, a position, the Replayer) unless it says otherwise. */
  readonly deadlineMs: number;
  /** The longest wait that a request may ask for, by `Loggos-Deadline` or `wait`. */
  readonly deadlineMsMax: number;
  /** Whether `Host` must be an address or one of `hosts`: on for a server bound to loopback (DNS rebinding). */
  readonly checkHost: boolean;
  /** Names without port that `Host` may have beside addresses. */
  readonly hosts: readonly string[];
  /** Open event streams and long polls; one more is 503 `busy`. */
  readonly streamsMax: number;
  /** A stream that was silent for so long sends a heartbeat. */
  readonly heartbeatMs: number;
  /** A reader that takes nothing for so long is cut off. */
  readonly slowReaderMs: number;
  /** Bytes of one page of events or documents, about. */
  readonly pageBytesMax: number;
}

export const defaultHttpSettings: HttpSettings = {
  bodyBytesMax: 1_048_576,
  deadlineMs: 5_000,
  deadlineMsMax: 600_000,
  checkHost: true,
  hosts: ['localhost'],
  streamsMax: 1_000,
  heartbeatMs: 15_000,
  slowReaderMs: 15_000,
  pageBytesMax: 8_388_608,
};

/** What every resource is handed. */
export interface HttpServices {
  readonly settings: HttpSettings;
  readonly clock: Clock;
  readonly salts: Salts;
  readonly hashes: Hashes;
  readonly observer: Observer;
  /** Fresh ids for events, documents and errors (nanoid). */
  readonly ids: () => string;
}
