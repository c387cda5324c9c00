import type { Log, LogRecord } from '../../log/log.ts';
import type { Ballot } from '../../paxos/ballot.ts';

/** What a log has made durable, told before whoever waits for it goes on. */
export interface LogObserver {
  onDurable(records: readonly LogRecord[]): void;
  onPromised(ballot: Ballot): void;
}

/** The log itself, which tells what is durable in it. */
export function observedLog(log: Log, observer: LogObserver): Log {
  return {
    get firstInstance() {
      return log.firstInstance;
    },
    get lastInstance() {
      return log.lastInstance;
    },
    get segmentCount() {
      return log.segmentCount;
    },
    get bytes() {
      return log.bytes;
    },
    get roomBytes() {
      return log.roomBytes;
    },
    get valueBytesMax() {
      return log.valueBytesMax;
    },
    async append(records) {
      await log.append(records);
      observer.onDurable(records);
    },
    async promise(ballot) {
      await log.promise(ballot);
      observer.onPromised(ballot);
    },
    chosenTo: (instance) => log.chosenTo(instance),
    settleAmbiguous: () => log.settleAmbiguous(),
    read: (firstInstance, countMax, bytesMax) => log.read(firstInstance, countMax, bytesMax),
    bytesFrom: (instance) => log.bytesFrom(instance),
    dropBelow: (instance) => log.dropBelow(instance),
    timeOf: (instance) => log.timeOf(instance),
    close: () => log.close(),
  };
}
