import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addToDigest, zeroDigest } from '../../src/documents/machine/digest.ts';
import { rowHash } from '../../src/documents/machine/row.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import { request, serverOf } from '../support/server-process.ts';

const rounds = 20;
const clientCount = 16;

interface Attempt {
  readonly documentId: string;
  readonly value: number;
  /** Undefined: no answer came before the kill. */
  readonly acknowledged: { revision: number; position: number } | undefined;
}

/** Puts one value after another to documents of its own until the server is gone; each value is sent once. */
async function writeUntilKilled(
  url: string,
  client: number,
  firstValue: number,
  onAcknowledged: () => void,
): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for (let value = firstValue; ; value++) {
    const documentId = `client-${client}-${value % 3}`;
    try {
      const answer = await request(`${url}/v1/documents/kill/${documentId}`, {
        method: 'PUT',
        body: JSON.stringify({ client, value }),
      });
      if (answer.status !== 200 && answer.status !== 201) {
        attempts.push({ documentId, value, acknowledged: undefined });
        continue;
      }
      const { revision, position } = JSON.parse(answer.text) as { revision: number; position: number };
      attempts.push({ documentId, value, acknowledged: { revision, position } });
      onAcknowledged();
    } catch {
      attempts.push({ documentId, value, acknowledged: undefined });
      return attempts;
    }
  }
}

interface Event {
  position: number;
  time: string;
  back: number[];
  collection: string;
  documentId: string;
  revision: number;
  document: { client: number; value: number };
}

async function allEvents(url: string): Promise<Event[]> {
  const events: Event[] = [];
  for (let after = '0'; ; ) {
    const answer = await request(`${url}/v1/events?after=${after}&limit=1000`);
    assert.equal(answer.status, 200, answer.text);
    const page = JSON.parse(answer.text) as { items: Event[]; cursor: string };
    events.push(...page.items);
    if (page.items.length === 0) return events;
    after = page.cursor;
  }
}

/** The digest that the documents must have, recomputed from what each one's last event left. */
function digestOf(last: Iterable<Event>): string {
  let digest = zeroDigest;
  for (const { collection, documentId, revision, position, time, back, document } of last) {
    const body = JSON.stringify(document);
    const row = { collection, documentId, revision, position, time: Date.parse(time), deleted: false, back, body };
    digest = addToDigest(digest, rowHash(row, systemHashes));
  }
  return Buffer.from(digest).toString('base64url');
}

test('kill -9 under load: every acknowledged write is there once, in order, with its revision; the digest is that of a model', async (context) => {
  const server = await serverOf(context, ['--segment-bytes', '4194304']);
  const attempts = new Map<string, Attempt>();
  const nextValues = Array.from({ length: clientCount }, () => 0);
  for (let round = 0; round < rounds; round++) {
    await server.start();
    // Killed in the middle of the load, after so many acknowledgements and a moment more, however slow the machine is.
    const enough = Promise.withResolvers<void>();
    let leftCount = clientCount + ((round * 37) % 200);
    const onAcknowledged = () => {
      leftCount -= 1;
      if (leftCount === 0) enough.resolve();
    };
    const writing = nextValues.map((value, client) => writeUntilKilled(server.url, client, value, onAcknowledged));
    await Promise.race([enough.promise, Promise.all(writing)]);
    await new Promise((resolve) => setTimeout(resolve, (round * 7) % 30));
    await server.kill();
    for (const [client, made] of (await Promise.all(writing)).entries()) {
      for (const attempt of made) attempts.set(`${client}:${attempt.value}`, attempt);
      nextValues[client] = Math.max(...made.map((attempt) => attempt.value)) + 1;
    }
  }
  await server.start();
  const events = await allEvents(server.url);
  const seen = new Map<string, Event>();
  const revisions = new Map<string, number>();
  for (const [index, event] of events.entries()) {
    assert.equal(event.position, index + 1, 'positions have no gap');
    const name = `${event.document.client}:${event.document.value}`;
    assert(!seen.has(name), `${name} was written once`);
    assert(attempts.has(name), `${name} was sent`);
    seen.set(name, event);
    const revision = (revisions.get(event.documentId) ?? 0) + 1;
    assert.equal(event.revision, revision, 'revisions count up by one');
    revisions.set(event.documentId, revision);
  }
  let acknowledgedCount = 0;
  for (const [name, attempt] of attempts) {
    if (attempt.acknowledged === undefined) continue;
    acknowledgedCount++;
    const event = seen.get(name);
    assert(event !== undefined, `acknowledged ${name} is there`);
    assert.equal(event.revision, attempt.acknowledged.revision);
    assert.equal(event.position, attempt.acknowledged.position);
  }
  assert(acknowledgedCount > rounds * clientCount, `enough was written: ${acknowledgedCount}`);
  // Each document reads as its last event left it.
  const last = new Map(events.map((event) => [event.documentId, event]));
  for (const [documentId, event] of last) {
    const answer = await request(`${server.url}/v1/documents/kill/${documentId}`);
    assert.deepEqual(JSON.parse(answer.text), event.document);
    assert.equal(answer.headers.get('etag'), `"${event.revision}"`);
  }
  const digest = JSON.parse((await request(`${server.url}/v1/digest`)).text) as { position: number; digest: string };
  assert.equal(digest.position, events.length);
  assert.equal(digest.digest, digestOf(last.values()), 'the digest is that of a model');
  context.diagnostic(`${acknowledgedCount} acknowledged writes, ${events.length} events, ${rounds} kills`);
});
