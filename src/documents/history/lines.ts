const NEWLINE = 0x0a;

/** Where each line ends (behind its newline); what follows the last newline is no line. */
export function* lineEnds(bytes: Buffer): Generator<number> {
  for (let end = bytes.indexOf(NEWLINE) + 1; end > 0; end = bytes.indexOf(NEWLINE, end) + 1) yield end;
}

export function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

/** Whether the bytes are whole lines. */
export function endsWithNewline(bytes: Uint8Array): boolean {
  return bytes[bytes.length - 1] === NEWLINE;
}

/** The lines of a text of whole lines, without their newlines. */
export function splitLines(bytes: Buffer): string[] {
  const lines = bytes.toString('utf8').split('\n');
  lines.pop();
  return lines;
}
