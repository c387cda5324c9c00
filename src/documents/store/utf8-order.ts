/** Where UTF-16's order and UTF-8's part: surrogates stand for what sorts last in UTF-8. */
const firstSurrogate = 0xd800;
const lastSurrogate = 0xdfff;

/** Compares texts as their UTF-8 bytes compare, which is how SQLite orders keys: negative, zero or positive. */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const leftUnit = left.charCodeAt(index);
    const rightUnit = right.charCodeAt(index);
    if (leftUnit !== rightUnit) return rank(leftUnit) - rank(rightUnit);
  }
  return left.length - right.length;
}

function rank(unit: number): number {
  return unit >= firstSurrogate && unit <= lastSurrogate ? unit + 0x10000 : unit;
}
