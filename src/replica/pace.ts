/** Where back-pressure begins, as a part of the tail's limit. */
const easyUntil = 0.5;
/** What is let in at the beginning of back-pressure, in bytes a millisecond: more than any disk takes. */
const bytesPerMsMax = 64 * 1024;

/**
 * Lets proposals in at a rate that falls with the square of what is left of the tail, from half of its limit on,
 * smoothly to zero at the limit. The Replayer drains the tail at some rate, so the pressure settles where both are
 * equal: latency grows instead of writes failing.
 */
export class Pace {
  #owedBytes = 0;
  #paidAt = 0;

  /**
   * Whether more may be let in now.
   * @param pressure - the tail's bytes divided by their limit
   * @param now - monotonic, in milliseconds
   */
  isOpen(pressure: number, now: number): boolean {
    if (pressure < easyUntil) {
      this.#owedBytes = 0;
      return true;
    }
    if (pressure >= 1) return false;
    const left = (1 - pressure) / (1 - easyUntil);
    this.#owedBytes = Math.max(0, this.#owedBytes - (now - this.#paidAt) * bytesPerMsMax * left * left);
    this.#paidAt = now;
    return this.#owedBytes === 0;
  }

  letIn(bytes: number, now: number): void {
    this.#owedBytes += bytes;
    this.#paidAt = now;
  }
}
