/*
 * Tar archives built by hand, block by block, so that they can be wrong in every way.
 */

export const blockBytes = 512;
export const endOfTar = Buffer.alloc(2 * blockBytes);

export interface HostileHeader {
  readonly name: string | Uint8Array;
  readonly size?: number;
  /** Twelve bytes instead of the octal size. */
  readonly sizeField?: Uint8Array;
  readonly type?: string;
  readonly magic?: string;
  readonly linkname?: string;
  readonly prefix?: string | Uint8Array;
}

/** A header block with a right checksum, whatever it says. */
export function header(given: HostileHeader): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.set(Buffer.from(given.name as string).subarray(0, 100), 0);
  block.write('0000600\0', 100, 'latin1');
  block.write('0000000\0', 108, 'latin1');
  block.write('0000000\0', 116, 'latin1');
  block.set(given.sizeField ?? Buffer.from(`${(given.size ?? 0).toString(8).padStart(11, '0')} `, 'latin1'), 124);
  block.write('00000000001 ', 136, 'latin1');
  block.write('        ', 148, 'latin1');
  block.write(given.type ?? '0', 156, 'latin1');
  block.write(given.linkname ?? '', 157, 'latin1');
  block.write(given.magic ?? 'ustar\u000000', 257, 'latin1');
  block.set(Buffer.from((given.prefix ?? '') as string).subarray(0, 155), 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** A whole entry: header, content, padding. */
export function entry(name: string, content: Uint8Array, given: Partial<HostileHeader> = {}): Buffer {
  const padding = Buffer.alloc((blockBytes - (content.byteLength % blockBytes)) % blockBytes);
  return Buffer.concat([header({ name, size: content.byteLength, ...given }), content, padding]);
}

/** The entries of an archive: name and whole bytes, headers included. */
export function splitTar(tar: Buffer): { readonly name: string; readonly bytes: Buffer; readonly content: Buffer }[] {
  const entries: { name: string; bytes: Buffer; content: Buffer }[] = [];
  for (let offset = 0; tar[offset] !== 0; ) {
    const name = tar.toString('latin1', offset, tar.indexOf(0, offset));
    const size = Number.parseInt(tar.toString('latin1', offset + 124, offset + 135), 8);
    const end = offset + blockBytes + Math.ceil(size / blockBytes) * blockBytes;
    const content = tar.subarray(offset + blockBytes, offset + blockBytes + size);
    entries.push({ name, bytes: tar.subarray(offset, end), content });
    offset = end;
  }
  return entries;
}
