/** Time from outside, so that the simulator can own it. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970. Safety never depends on it (I1). */
  now(): number;
  /** Milliseconds that never go back. */
  monotonic(): number;
  /** Calls `action` once after `delayMs`; the answer cancels it. */
  after(delayMs: number, action: () => void): () => void;
}

/** Resolves after `delayMs` on that clock. */
export function delay(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
