/** Randomness from outside, so that the simulator can own it. */
export interface Random {
  /** Fresh bytes, the caller's. */
  bytes(count: number): Uint8Array;
}
