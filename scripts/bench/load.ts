// A closed-loop HTTP/1.1 load over keep-alive connections, run in a process of its own by `npm run bench`:
// each connection has one request in flight. Bare sockets, so that the generator takes little of the machine.
import { connect, type Socket } from 'node:net';
import { parseArgs } from 'node:util';

export interface LoadResult {
  readonly requests: number;
  readonly failures: number;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface LoadOptions {
  readonly port: number;
  readonly method: 'GET' | 'PUT';
  readonly connections: number;
  readonly seconds: number;
  /** Documents are drawn at random from so many; `sequential` walks through them once instead. */
  readonly keys: number;
  readonly sequential: boolean;
  readonly valueBytes: number;
}

const headEnd = '\r\n\r\n';

const vocabulary =
  `account address amount approved between branch cancelled carrier charge checked city client confirmed contact
  contract country credit customer damaged date deliver delay deposit details discount division dock during email
  estimate export failed final first freight from goods harbour heavy import inspected invoice island item late
  ledger letter manager market monday morning note notice number office order original owner packed paid partner
  pending phone pickup port price private quality quantity quote receipt received record refund region rejected
  repair request return route sample schedule season second sent service shipment signed small station storage
  store street supplier tax terminal the through ticket to tomorrow total transfer transit truck under unit until
  urgent value vessel via waiting warehouse weekly weight with without yard year zone`.split(/\s+/);

/** A document of about `bytes` bytes: a few fields and a note in words, so that it compresses as documents do. */
export function documentText(key: number, bytes: number): string {
  const head = `{"key":${key},"name":"customer ${key}","active":${key % 2 === 0},"balance":${(key * 7919) % 100_000},"note":"`;
  let note = '';
  for (let seed = key + 1; head.length + note.length + 2 < bytes; seed = (seed * 48_271) % 2_147_483_647)
    note += `${vocabulary[(seed >> 8) % vocabulary.length]} `;
  return `${head}${note.slice(0, Math.max(0, bytes - head.length - 2))}"}`;
}

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = [];
  let failures = 0;
  let next = 0;
  const startedAt = performance.now();
  const endAt = startedAt + options.seconds * 1_000;
  let random = 88_172_645;
  const nextKey = (): number => {
    if (options.sequential) return next++;
    random = (random * 48_271) % 2_147_483_647;
    return random % options.keys;
  };
  const requestText = (): string => {
    const key = nextKey();
    const path = `/v1/documents/bench/k${key}`;
    if (options.method === 'GET') return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
    const body = documentText(key, options.valueBytes);
    return `PUT ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  };
  const isOver = (): boolean => performance.now() >= endAt || (options.sequential && next >= options.keys);

  const connection = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket: Socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true });
      let received = '';
      let sentAt = 0;
      const send = (): void => {
        if (isOver()) {
          socket.end();
          resolve();
          return;
        }
        sentAt = performance.now();
        socket.write(requestText());
      };
      socket.on('connect', send);
      socket.on('error', reject);
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString('latin1');
        const headLength = received.indexOf(headEnd);
        if (headLength < 0) return;
        const head = received.slice(0, headLength);
        const length = /content-length: *(\d+)/i.exec(head)?.[1];
        const total = headLength + 4 + Number(length ?? 0);
        if (received.length < total) return;
        if (head.charCodeAt(9) !== 0x32) failures++;
        received = received.slice(total);
        latencies.push(performance.now() - sentAt);
        send();
      });
    });
  await Promise.all(Array.from({ length: options.connections }, connection));
  const seconds = (performance.now() - startedAt) / 1_000;
  const sorted = Float64Array.from(latencies).sort();
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return {
    requests: sorted.length,
    failures,
    seconds,
    requestsPerSecond: sorted.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
  };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { options: { type: 'string' } } });
  const result = await runLoad(JSON.parse(values.options ?? '{}') as LoadOptions);
  process.stdout.write(JSON.stringify(result));
}
