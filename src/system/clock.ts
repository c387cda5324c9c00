import type { Clock } from '../base/clock.ts';

/** The machine's own time. Its timers keep the process alive; whoever sets one cancels it when it stops. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};
