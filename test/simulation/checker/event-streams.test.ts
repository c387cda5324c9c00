import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventStream } from '../../../src/simulation/checker/event-streams.ts';
import { badStreams, checkStreamCase, goodStreams } from './bad-streams.ts';

for (const bad of badStreams) {
  test(`a stream is refused: ${bad.name}`, () => {
    assert.throws(() => checkStreamCase(bad), { name: 'Violation', rule: bad.rule });
  });
}

for (const good of goodStreams) {
  test(`a stream is allowed: ${good.name}`, () => {
    checkStreamCase(good);
  });
}

test('a stream says when it has recorded enough, and where its reader would resume', () => {
  const stream = new EventStream('reader', { after: 4, eventsMax: 2 });
  assert.equal(stream.lastPosition, 4);
  stream.deliver([{ position: 5, proposalId: 'p', key: 'a', revision: 1 }]);
  assert.equal(stream.isFull, false);
  stream.deliver([{ position: 6, proposalId: 'q', key: 'a', revision: 2 }]);
  assert.equal(stream.isFull, true);
  assert.equal(stream.lastPosition, 6);
});
