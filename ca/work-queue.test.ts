import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Unavailable } from './unavailable.ts';
import { WorkQueue } from './work-queue.ts';

const options = { work: 'key generation', atOnce: 2, waiting: 2, patience: 60_000 };

/** Work that ends when it is told to. */
function task() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let begun = false;
  const work = () => {
    begun = true;
    return promise;
  };
  return { work, end: resolve, fail: reject, begun: () => begun };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('so many run at once, the next begins when one ends, who comes beyond is turned away', async () => {
  const queue = new WorkQueue(options);
  const tasks = Array.from({ length: 4 }, task);
  const runs = tasks.map(({ work }) => queue.run(work));
  await settled();
  const begun = () => tasks.map((each) => each.begun());
  assert.deepEqual(begun(), [true, true, false, false]);
  await assert.rejects(queue.run(task().work), Unavailable);
  tasks[1]?.end('second');
  assert.equal(await runs[1], 'second');
  await settled();
  assert.deepEqual(begun(), [true, true, true, false]);
  tasks[0]?.fail(new TypeError('broken'));
  await assert.rejects(runs[0] ?? assert.fail(), TypeError);
  await settled();
  assert.deepEqual(begun(), [true, true, true, true], 'a failure gives its turn on as well');
  for (const { end } of tasks) end('done');
  await Promise.all(runs.slice(2));
  assert.equal(await queue.run(async () => 'again'), 'again');
});

test('who waited too long is turned away when a turn comes', { timeout: 5000 }, async () => {
  const queue = new WorkQueue({ ...options, atOnce: 1, patience: -1 });
  const [first, late] = [task(), task()];
  const runs = [queue.run(first.work), queue.run(late.work)] as const;
  first.end('first');
  await runs[0];
  await assert.rejects(runs[1], /No turn for key generation came in time/);
  assert.equal(late.begun(), false);
  assert.equal(await queue.run(async () => 'next'), 'next');
});
