import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { KeptAnswer } from './delivered-answers.ts';
import { AnswerRelay, type RelayMessage, type RelayPeer } from './relay-answers.ts';

/** A worker that does with its messages what a test wants; sending copies, as a channel does. */
class Peer implements RelayPeer {
  connected = true;
  readonly received: RelayMessage[] = [];

  isConnected(): boolean {
    return this.connected;
  }

  send(message: RelayMessage): void {
    this.received.push(structuredClone(message));
  }

  get kinds(): string[] {
    return this.received.map(({ kind }) => kind);
  }

  /** The id of what it was last told to keep. */
  get round(): number {
    return this.received.findLast(({ kind }) => kind === 'keep')?.id ?? 0;
  }
}

const answerOf = (): KeptAnswer => ({
  request: 'request',
  key: { form: 'pkcs8', der: Uint8Array.of(1, 2), publicKey: Uint8Array.of(3) },
});

let peers: Peer[];
let relay: AnswerRelay;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] });
  peers = [new Peer(), new Peer(), new Peer()];
  relay = new AnswerRelay(() => peers);
});
afterEach(() => mock.timers.reset());

function three(): [Peer, Peer, Peer] {
  const [first, second, third] = peers;
  assert.ok(first && second && third);
  return [first, second, third];
}

test('every other worker is told; the first hears when all have it', () => {
  const [from, second, third] = three();
  relay.receive({ kind: 'keep', id: 5, answer: answerOf() }, from);
  for (const peer of [second, third])
    assert.deepEqual(peer.received, [{ kind: 'keep', id: 1, answer: answerOf() }]);
  relay.receive({ kind: 'kept', id: second.round }, second);
  relay.receive({ kind: 'kept', id: second.round }, second);
  assert.deepEqual(from.received, []);
  relay.receive({ kind: 'kept', id: third.round }, third);
  assert.deepEqual(from.received, [{ kind: 'kept', id: 5 }]);
});

test('what passed through is overwritten when all have it, and no sooner', () => {
  const [from, second, third] = three();
  const answer = answerOf();
  relay.receive({ kind: 'keep', id: 1, answer }, from);
  relay.receive({ kind: 'kept', id: second.round }, second);
  mock.timers.tick(2000);
  assert.deepEqual(answer, answerOf());
  relay.receive({ kind: 'kept', id: third.round }, third);
  assert.deepEqual(answer.key.der, Uint8Array.of(0, 0));
});

test('a worker that ends is not waited for', () => {
  const [from, second, third] = three();
  relay.receive({ kind: 'keep', id: 1, answer: answerOf() }, from);
  relay.receive({ kind: 'kept', id: second.round }, second);
  relay.forget(third);
  assert.deepEqual(from.kinds, ['kept']);
});

test('one that is gone is told nothing, and one alone waits for nobody', () => {
  const [from, second, third] = three();
  second.connected = false;
  third.connected = false;
  relay.receive({ kind: 'keep', id: 1, answer: answerOf() }, from);
  assert.deepEqual([second.kinds, third.kinds, from.kinds], [[], [], ['kept']]);
});

test('one that hangs is waited for a second, and its late word changes nothing', () => {
  const [from, second, third] = three();
  relay.receive({ kind: 'keep', id: 1, answer: answerOf() }, from);
  relay.receive({ kind: 'kept', id: second.round }, second);
  mock.timers.tick(999);
  assert.deepEqual(from.kinds, []);
  mock.timers.tick(1);
  assert.deepEqual(from.kinds, ['kept']);
  relay.receive({ kind: 'kept', id: third.round }, third);
  assert.deepEqual(from.kinds, ['kept']);
});

test('two answers at the same time do not mix', () => {
  const [first, second, third] = three();
  relay.receive({ kind: 'keep', id: 1, answer: answerOf() }, first);
  const roundOfFirst = third.round;
  relay.receive({ kind: 'keep', id: 1, answer: answerOf() }, second);
  const roundOfSecond = third.round;
  relay.receive({ kind: 'kept', id: roundOfSecond }, third);
  relay.receive({ kind: 'kept', id: roundOfSecond }, first);
  assert.equal(second.kinds.includes('kept'), true);
  assert.equal(first.kinds.includes('kept'), false);
  relay.receive({ kind: 'kept', id: roundOfFirst }, third);
  relay.receive({ kind: 'kept', id: roundOfFirst }, second);
  assert.equal(first.kinds.includes('kept'), true);
});
