import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { DeliveredKey } from '../enrollment/delivered-answers.ts';
import { AnswersInMemory, type KeptAnswer } from './delivered-answers.ts';

const keyOf = (...octets: number[]): DeliveredKey => ({
  form: 'pkcs8',
  der: Uint8Array.from(octets),
  publicKey: Uint8Array.from(octets),
});

beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
afterEach(() => mock.timers.reset());

test('a key is there for two minutes, and then overwritten', async () => {
  const answers = new AnswersInMemory();
  const key = keyOf(1, 2, 3);
  await answers.keep('request', key);
  mock.timers.tick(2 * 60_000 - 1);
  assert.deepEqual(answers.find('request'), [key]);
  mock.timers.tick(1);
  assert.deepEqual(answers.find('request'), []);
  assert.deepEqual(key.der, Uint8Array.of(0, 0, 0));
});

test('a second key for a request comes after the first, and goes with it', async () => {
  const answers = new AnswersInMemory();
  const [first, second] = [keyOf(1), keyOf(2)];
  await answers.keep('request', first);
  mock.timers.tick(60_000);
  answers.receive({ request: 'request', key: second });
  assert.deepEqual(answers.find('request'), [first, second]);
  mock.timers.tick(60_000);
  assert.deepEqual(answers.find('request'), []);
  assert.deepEqual(second.der, Uint8Array.of(0));
});

test('one request knows nothing of another', async () => {
  const answers = new AnswersInMemory();
  await answers.keep('request', keyOf(1));
  assert.deepEqual(answers.find('another'), []);
});

test('what is kept is told to the others before it counts as kept; what they tell is not', async () => {
  const told: KeptAnswer[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const answers = new AnswersInMemory({
    relay: (answer) => {
      told.push(answer);
      return promise;
    },
  });
  let kept = false;
  const keeping = answers.keep('request', keyOf(1)).then(() => {
    kept = true;
  });
  answers.receive({ request: 'theirs', key: keyOf(2) });
  await Promise.resolve();
  assert.equal(kept, false);
  resolve();
  await keeping;
  assert.deepEqual(told, [{ request: 'request', key: keyOf(1) }]);
});

test('no more than ten thousand: the oldest goes first, overwritten', async () => {
  const answers = new AnswersInMemory();
  const oldest = keyOf(1);
  await answers.keep('oldest', oldest);
  for (let i = 1; i < 10_000; i++) answers.receive({ request: `request-${i}`, key: keyOf(1) });
  assert.equal(answers.find('oldest').length, 1);
  answers.receive({ request: 'newest', key: keyOf(1) });
  assert.equal(answers.find('oldest').length, 0);
  assert.deepEqual(oldest.der, Uint8Array.of(0));
  assert.equal(answers.find('request-1').length, 1);
  answers.close();
});

test('a server that ends overwrites everything', async () => {
  const answers = new AnswersInMemory();
  const key = keyOf(7);
  await answers.keep('request', key);
  answers.close();
  assert.deepEqual(key.der, Uint8Array.of(0));
  assert.deepEqual(answers.find('request'), []);
});
