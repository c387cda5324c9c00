/** Where back-pressure begins, as a part of the tail's limit. */
const easyUntil = 0.5;
/** What is let in at the beginning of back-pressure, in bytes a second: more than any disk takes. */
const bytesPerSecondMax = 64 * 1024 * 1024;

/**
 * How long to wait after `bytes` were let in before more are, in milliseconds. Nothing below half of the tail's limit;
 * from there the rate falls with the square of what is left, smoothly to zero at the limit. The Replayer drains the
 * tail at some rate, so the pressure settles where both are equal, and latency grows instead of writes failing.
 * @param pressure - the tail's bytes divided by their limit; below 1
 */
export function pauseAfter(bytes: number, pressure: number): number {
  if (pressure <= easyUntil) return 0;
  const left = Math.max((1 - pressure) / (1 - easyUntil), 0.001);
  return (bytes * 1000) / (bytesPerSecondMax * left * left);
}
