import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RestServer } from './rest-server.ts';

const secret = 'a-secret-of-the-client';

/** Names of members may be in a message that is logged at `debug`, which is off unless somebody asks for it. */
test('what is logged holds no value of a document, patch or metadata and no idempotency key, and by default nothing of a refusal', async () => {
  const server = await RestServer.start();
  try {
    const path = '/v1/documents/private/a';
    const headers = { 'Idempotency-Key': secret, 'Loggos-Metadata': JSON.stringify({ secret }) };
    const patch = { 'Content-Type': 'application/json-patch+json' };
    const duplicate = `{"name":"${secret}","name":"${secret}"}`;
    const test = [{ op: 'test', path: '/secret', value: `not ${secret}` }];
    const replies = [
      await server.send('PUT', path, { body: { secret }, headers }),
      await server.send('PUT', path, { body: { secret: [secret] }, headers }),
      await server.send('PUT', path, { body: { secret }, headers: { 'If-Match': '"9"' } }),
      await server.send('PUT', path, { body: duplicate, headers: { 'Content-Type': 'application/json' } }),
      await server.send('PUT', path, { body: `{"secret":"${secret}`, headers: { 'Content-Type': 'application/json' } }),
      await server.send('PATCH', path, { body: JSON.stringify(test), headers: patch }),
      await server.send('PATCH', path, { body: `[{"op":"${secret}"}]`, headers: patch }),
      await server.send('POST', '/v1/transactions', { body: { operations: [{ op: secret }] } }),
    ];
    assert.deepEqual(
      replies.map(({ status }) => status),
      [201, 422, 412, 400, 400, 409, 400, 400],
    );
    assert.equal(
      server.reports.filter(({ event, level }) => event === 'request-failed' && level === 'debug').length,
      7,
    );
    assert.deepEqual(
      server.reports.filter(({ level }) => level !== 'debug'),
      [],
    );
    assert.ok(!JSON.stringify(server.reports).includes(secret), JSON.stringify(server.reports));
  } finally {
    await server.stop();
  }
});
