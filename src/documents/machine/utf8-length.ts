/** How many bytes a well-formed text has in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) bytes += extraBytes(text.charCodeAt(index));
  return bytes;
}

/** The index at which `byteCount` bytes of UTF-8 after `start` end; undefined where no character ends there. */
export function utf8Cut(text: string, start: number, byteCount: number): number | undefined {
  let bytes = 0;
  let index = start;
  for (; index < text.length && bytes < byteCount; index++) bytes += 1 + extraBytes(text.charCodeAt(index));
  return bytes === byteCount ? index : undefined;
}

/** Beyond one byte a UTF-16 unit. The halves of a surrogate pair are two bytes each. */
function extraBytes(unit: number): number {
  if (unit < 0x80) return 0;
  if (unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff)) return 1;
  return 2;
}
