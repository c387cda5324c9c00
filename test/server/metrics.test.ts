import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from '../../src/server/metrics.ts';

test('what the floors count and measure is printed under names that begin with loggos_', async () => {
  const metrics = new Metrics();
  metrics.count('replayed_instances', 3);
  metrics.count('replayed_instances');
  metrics.measure('log_sync_seconds', 0.0004);
  metrics.measure('replay_transaction_events', 7);
  metrics.gauge('position', 'The last applied position.', () => 12);
  metrics.gauge('unknown', 'Not known yet.', () => undefined);
  const text = await metrics.text();
  assert.match(text, /^loggos_replayed_instances_total 4$/m);
  assert.match(text, /^loggos_log_sync_seconds_bucket\{le="0.0005"\} 1$/m);
  assert.match(text, /^loggos_replay_transaction_events_bucket\{le="8"\} 1$/m);
  assert.match(text, /^loggos_position 12$/m);
  assert.match(text, /^loggos_process_resident_memory_bytes \d+$/m);
  for (const line of text.split('\n').filter((each) => each !== '' && !each.startsWith('#'))) {
    assert.match(line, /^loggos_/);
  }
});
