interface Line {
  timeUs: number;
  owner: string;
  kind: string;
  detail: string | number;
  numbers: readonly number[];
}

/**
 * What happened, as a 64-bit hash of everything and as the last lines to read. Two runs with the same hash took the
 * same steps at the same times. Owners, kinds and the details that come with numbers are few: each text is hashed once.
 * Lines are formatted only when somebody reads.
 */
export class Trace {
  readonly #lines: Line[] = [];
  readonly #linesMax: number;
  readonly #hashes = new Map<string, number>();
  #next = 0;
  #low = 0x811c9dc5 | 0;
  #high = 0x01000193;
  /** Lines so far, the forgotten ones too. */
  count = 0;

  constructor(linesMax: number) {
    this.#linesMax = linesMax;
  }

  add(timeUs: number, owner: string, kind: string, detail: string | number, numbers: readonly number[]): void {
    this.count += 1;
    this.#mix(timeUs | 0);
    this.#mix(Math.floor(timeUs / 0x1_0000_0000));
    this.#mix(this.#hashOf(owner) ^ Math.imul(this.#hashOf(kind), 31));
    if (typeof detail === 'number') this.#mix(hashOfNumber(detail));
    else this.#mix(numbers.length > 0 ? this.#hashOf(detail) : hashOfText(detail));
    for (let index = 0; index < numbers.length; index += 1) this.#mix(hashOfNumber(numbers[index] as number));
    const line = this.#lines[this.#next];
    if (line === undefined) this.#lines.push({ timeUs, owner, kind, detail, numbers });
    else {
      line.timeUs = timeUs;
      line.owner = owner;
      line.kind = kind;
      line.detail = detail;
      line.numbers = numbers;
    }
    this.#next = (this.#next + 1) % this.#linesMax;
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    const digits = (word: number) => (word >>> 0).toString(16).padStart(8, '0');
    return digits(this.#high) + digits(this.#low);
  }

  /** The last lines, oldest first: milliseconds, who, what. */
  lines(): string[] {
    const inOrder = [...this.#lines.slice(this.#next), ...this.#lines.slice(0, this.#next)];
    return inOrder.map(({ timeUs, owner, kind, detail, numbers }) => {
      const text = `${(timeUs / 1_000).toFixed(3).padStart(12)}  ${owner.padEnd(10)} ${kind}`;
      return [text, ...(detail === '' ? [] : [detail]), ...numbers].join(' ');
    });
  }

  /** Two lanes of FNV-1a over words; each also takes a part of the other, so that they do not repeat one another. */
  #mix(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    this.#low ^= this.#low >>> 15;
    this.#high = Math.imul(this.#high ^ word ^ (this.#low >>> 7), 0x85ebca6b);
    this.#high ^= this.#high >>> 13;
  }

  #hashOf(name: string): number {
    let hash = this.#hashes.get(name);
    if (hash === undefined) {
      hash = hashOfText(name);
      this.#hashes.set(name, hash);
    }
    return hash;
  }
}

function hashOfText(text: string): number {
  let hash = 0x811c9dc5 | 0;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}

const words = new Int32Array(2);
const float = new Float64Array(words.buffer);

function hashOfNumber(value: number): number {
  if ((value | 0) === value) return value;
  float[0] = value;
  return (words[0] as number) ^ Math.imul(words[1] as number, 0x01000193);
}
