/** Sums modulo 2^256: big-endian numbers of 32 bytes. The digest of the documents is the sum of their rows' hashes. */

/** The digest of no documents. */
export const zeroDigest: Uint8Array = new Uint8Array(32);

/** A new array; neither argument is changed. */
export function addToDigest(digest: Uint8Array, hash: Uint8Array): Uint8Array {
  const sum = new Uint8Array(32);
  let carry = 0;
  for (let index = 31; index >= 0; index--) {
    carry += (digest[index] ?? 0) + (hash[index] ?? 0);
    sum[index] = carry;
    carry >>= 8;
  }
  return sum;
}

/** A new array; neither argument is changed. */
export function subtractFromDigest(digest: Uint8Array, hash: Uint8Array): Uint8Array {
  const difference = new Uint8Array(32);
  let borrow = 0;
  for (let index = 31; index >= 0; index--) {
    borrow += (digest[index] ?? 0) - (hash[index] ?? 0);
    difference[index] = borrow;
    borrow >>= 8;
  }
  return difference;
}
