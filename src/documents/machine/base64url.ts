const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** Two characters for each 12 bits. */
const pairs = Array.from({ length: 4096 }, (_, bits) => `${alphabet[bits >> 6]}${alphabet[bits & 63]}`);

/** Base64url without padding, of the first `length` bytes. */
export function toBase64url(bytes: Uint8Array, length: number = bytes.length): string {
  let text = '';
  let at = 0;
  for (; at + 3 <= length; at += 3) {
    const bits = (unit(bytes, at) << 16) | (unit(bytes, at + 1) << 8) | unit(bytes, at + 2);
    text += `${pairs[bits >> 12]}${pairs[bits & 0xfff]}`;
  }
  if (length - at === 1) text += pairs[unit(bytes, at) << 4];
  if (length - at === 2) {
    const bits = (unit(bytes, at) << 10) | (unit(bytes, at + 1) << 2);
    text += `${pairs[bits >> 6]}${alphabet[bits & 63]}`;
  }
  return text;
}

/** The bytes of a base64url text without padding; undefined where it is none. */
export function fromBase64url(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const value = alphabet.indexOf(text.charAt(at));
    if (value < 0) return undefined;
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[length++] = bits >> held;
    }
  }
  // What is left over must be zeros and less than a character: one text for each sequence of bytes.
  if (held >= 6 || (bits & ((1 << held) - 1)) !== 0) return undefined;
  return bytes;
}

function unit(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
