import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { readBody } from '../../src/http/body.ts';

/** What `readBody` makes of a request of which these bytes are all that ever comes. */
async function bodyOf(bytes: string, requestTimeout = 0): Promise<unknown> {
  const server = createServer({ requestTimeout, headersTimeout: requestTimeout, connectionsCheckingInterval: 50 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(bytes);
  const [request] = (await once(server, 'request')) as [IncomingMessage];
  const read = readBody(request, 100).catch((error: unknown) => error);
  if (requestTimeout === 0) socket.end();
  const result = await read;
  socket.destroy();
  server.close();
  return result;
}

test('a client that hangs up, or is too slow, in its body is gone', async () => {
  const half = 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhalf';
  assert.equal(((await bodyOf(half)) as Error).name, 'ClientGone');
  assert.equal(((await bodyOf(half, 200)) as Error).name, 'ClientGone');
});

test('a body in many pieces is put together, and none is empty', async () => {
  const chunked = 'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n';
  assert.equal(String(await bodyOf(chunked)), 'abcde');
  assert.deepEqual(await bodyOf('PUT / HTTP/1.1\r\nHost: a\r\n\r\n'), new Uint8Array(0));
});
