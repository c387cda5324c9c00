// The raw limit that the bench compares with: node:http that parses a JSON body and answers with a small one.
import { createServer } from 'node:http';

const stored = JSON.stringify({ key: 1, note: 'x'.repeat(230) });
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': stored.length });
    return response.end(stored);
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const parsed = JSON.parse(Buffer.concat(chunks).toString()) as { key: number };
    const body = JSON.stringify({ id: `k${parsed.key}`, revision: 1, position: 1, time: '2026-01-01T00:00:00.000Z' });
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
    response.end(body);
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1');
