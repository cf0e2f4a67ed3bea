import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  activateIssuer,
  activateRoot,
  addIssuer,
  addIssuingKey,
  addRoot,
  type CaKeyState,
  type CaState,
  CaStateError,
  checkIssuerName,
  finishIssuer,
  finishRoot,
  type IssuerState,
  type IssuingKeyState,
  issuersUnder,
  nextGeneration,
  type RootKeyState,
  requireRootOf,
} from './ca-state.ts';

// Nothing here reads a certificate: a name will do.
const root = (generation: number, state: RootKeyState['state'] = 'next'): RootKeyState => ({
  label: `root-${generation}`,
  keyType: 'P-384',
  publicKey: `key of root ${generation}`,
  certificate: `root ${generation}`,
  generation,
  state,
});
const key = (generation: number, above: string, state: CaKeyState = 'next'): IssuingKeyState => ({
  label: `main-${generation}`,
  keyType: 'P-256',
  publicKey: `key ${generation}`,
  certificate: `issuing ${generation}`,
  above: [above],
  delegated: {},
  generation,
  state,
});
const issuer = (name: string, ...keys: IssuingKeyState[]): IssuerState => ({
  name,
  token: 'default',
  keys,
});

const start: CaState = {
  root: { token: 'default', keys: [root(1, 'active')] },
  issuers: [
    issuer('main', key(1, 'root 1', 'active')),
    issuer('plant', key(1, 'root 1', 'active')),
  ],
};
const nextRoot = {
  key: root(2),
  issuing: new Map([
    ['main', key(2, 'root 2')],
    ['plant', key(2, 'root 2')],
  ]),
};
const statesOf = ({ root: own, issuers }: CaState) =>
  [own?.keys, ...issuers.map(({ keys }) => keys)].map((keys) => keys?.map(({ state }) => state));
const error = (pattern: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof CaStateError);
  assert.match(thrown.message, pattern);
  return true;
};

describe('the key of an issuer', () => {
  test('is succeeded by the next one, and then finished', () => {
    const started = addIssuingKey(start, 'main', key(2, 'root 1'));
    assert.deepEqual(statesOf(started)[1], ['active', 'next']);
    const activated = activateIssuer(started, 'main');
    assert.deepEqual(statesOf(activated), [['active'], ['retired', 'active'], ['active']]);
    assert.deepEqual(statesOf(finishIssuer(activated, 'main'))[1], ['finished', 'active']);
    assert.deepEqual(statesOf(start)[1], ['active'], 'no state is ever changed');
  });

  test('is followed by one at a time', () => {
    const started = addIssuingKey(start, 'main', key(2, 'root 1'));
    assert.throws(
      () => addIssuingKey(started, 'main', key(3, 'root 1')),
      error(/has a key that is next already \(generation 2\)/),
    );
    const requested = addIssuingKey(start, 'main', {
      ...key(2, ''),
      state: 'requested',
      above: [],
    });
    assert.throws(() => addIssuingKey(requested, 'main', key(3, 'root 1')), error(/is requested/));
    assert.throws(() => activateIssuer(requested, 'main'), error(/no next key/));
  });

  test('is neither activated nor finished before its time', () => {
    assert.throws(() => activateIssuer(start, 'main'), error(/no next key/));
    assert.throws(() => finishIssuer(start, 'main'), error(/no retired key/));
    assert.throws(() => activateIssuer(start, 'nobody'), error(/There is no issuer "nobody"/));
  });
});

describe('the key of the root', () => {
  const started = addRoot(start, nextRoot);

  test('is succeeded with those of all issuers below it, in one step', () => {
    assert.deepEqual(statesOf(started), [
      ['active', 'next'],
      ['active', 'next'],
      ['active', 'next'],
    ]);
    const activated = activateRoot(started);
    const done = [
      ['retired', 'active'],
      ['retired', 'active'],
      ['retired', 'active'],
    ];
    assert.deepEqual(statesOf(activated), done);
    const finished = [
      ['finished', 'active'],
      ['finished', 'active'],
      ['finished', 'active'],
    ];
    assert.deepEqual(statesOf(finishRoot(activated)), finished);
  });

  test('does not carry issuers of other roots along', () => {
    const foreign = issuer(
      'foreign',
      key(1, 'stranger', 'retired'),
      key(2, 'stranger', 'active'),
      key(3, 'stranger'),
    );
    const mixed = addIssuer(start, foreign);
    assert.deepEqual(
      issuersUnder(mixed, root(1, 'active')).map(({ name }) => name),
      ['main', 'plant'],
    );
    const all = finishRoot(activateRoot(addRoot(mixed, nextRoot)));
    assert.deepEqual(statesOf(all).at(-1), ['retired', 'active', 'next']);
    assert.deepEqual(statesOf(activateIssuer(mixed, 'foreign')).at(-1), [
      'retired',
      'retired',
      'active',
    ]);
    assert.throws(() => requireRootOf(mixed, 'foreign'), error(/certified by another CA/));
  });

  test('signs nothing once its successor is certified (RFC 8649 section 5)', () => {
    assert.throws(
      () => addIssuer(started, issuer('late', key(1, 'root 1', 'active'))),
      error(/signs no more with the present one/),
    );
    const without = { ...started, issuers: start.issuers };
    assert.throws(() => addIssuingKey(without, 'main', key(2, 'root 1')), error(/signs no more/));
    addIssuingKey(activateRoot(started), 'main', key(3, 'root 2'));
  });

  test('takes the keys below it along: none is activated before it', () => {
    assert.throws(() => activateIssuer(started, 'main'), error(/activated with it: use --root/));
  });

  test('is not replaced twice at once (RFC 4210 section 4.4, note 2)', () => {
    assert.throws(() => addRoot(started, nextRoot), error(/has a next key already/));
    const again = { ...nextRoot, key: root(3) };
    assert.throws(() => addRoot(activateRoot(started), again), error(/is still announced/));
    assert.throws(() => addRoot({ issuers: start.issuers }, nextRoot), error(/not one of this CA/));
  });

  test('needs a next key of every issuer', () => {
    const some = { ...nextRoot, issuing: new Map([['main', key(2, 'root 2')]]) };
    assert.throws(() => addRoot(start, some), error(/"plant" was added meanwhile/));
  });

  test('is not finished while an issuer works under it', () => {
    const activated = activateRoot(started);
    const late: CaState = {
      ...activated,
      issuers: [...activated.issuers, issuer('late', key(1, 'root 1', 'active'))],
    };
    assert.throws(() => finishRoot(late), error(/The issuer "late" still works under the root/));
    assert.throws(() => finishRoot(start), error(/no retired key/));
    assert.throws(() => activateRoot(start), error(/no next key/));
  });

  test('is succeeded by the one that it names (RFC 8649)', () => {
    const { label, keyType, publicKey } = root(2);
    const prepared = { label, keyType, publicKey };
    const committed: CaState = {
      ...start,
      root: { token: 'default', keys: [root(1, 'active')], prepared },
    };
    const other = { ...nextRoot, key: { ...root(2), publicKey: 'another' } };
    assert.throws(() => addRoot(committed, other), error(/names another key as its successor/));
    const after = { ...prepared, label: 'root-3', publicKey: 'key of root 3' };
    assert.deepEqual(addRoot(committed, { ...nextRoot, prepared: after }).root?.prepared, after);
    assert.equal(addRoot(committed, nextRoot).root?.prepared, undefined);
  });
});

test('names of issuers', () => {
  for (const name of ['root', '', 'A', '-a', 'a-', 'a'.repeat(33)])
    assert.throws(() => checkIssuerName(name), error(/cannot be the name of an issuer/));
  assert.equal(checkIssuerName('plant-2'), 'plant-2');
  assert.throws(() => addIssuer(start, issuer('main')), error(/There is an issuer "main" already/));
  assert.equal(nextGeneration({ keys: [] }), 1);
  assert.equal(nextGeneration({ keys: [{ generation: 4 }, { generation: 2 }] }), 5);
});
