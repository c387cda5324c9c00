import { randomFillSync } from 'node:crypto';
import type { Random } from '../base/random.ts';

/** The kernel's randomness, fit for secrets. */
export const systemRandom: Random = {
  bytes: (count) => randomFillSync(new Uint8Array(count)),
};
