import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlainHistogram } from '../../src/server/plain-histogram.ts';

test('a bucket counts all values up to its bound, the bound itself with them', () => {
  const histogram = new PlainHistogram('loggos_things_bytes', 'Things.', [1, 2, 4]);
  for (const value of [0, 1, 1.5, 2, 2.5, 100]) histogram.observe(value);
  assert.deepEqual(histogram.print().trimEnd().split('\n'), [
    '# HELP loggos_things_bytes Things.',
    '# TYPE loggos_things_bytes histogram',
    'loggos_things_bytes_bucket{le="1"} 2',
    'loggos_things_bytes_bucket{le="2"} 4',
    'loggos_things_bytes_bucket{le="4"} 5',
    'loggos_things_bytes_bucket{le="+Inf"} 6',
    'loggos_things_bytes_sum 107',
    'loggos_things_bytes_count 6',
  ]);
});
