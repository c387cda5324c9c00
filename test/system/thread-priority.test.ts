import assert from 'node:assert/strict';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

test('a thread that gives way leaves the others as they are', async () => {
  const module = JSON.stringify(new URL('../../src/system/thread-priority.ts', import.meta.url).href);
  const source = `import { giveWay } from ${module};
    import { getPriority } from 'node:os';
    import { parentPort } from 'node:worker_threads';
    giveWay();
    parentPort.postMessage(getPriority(0));`;
  const before = getPriority(0);
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  const priority = await new Promise((resolve) => worker.once('message', resolve));
  assert.equal(priority, process.platform === 'linux' ? 5 : before);
  assert.equal(getPriority(0), before);
  await worker.terminate();
});
