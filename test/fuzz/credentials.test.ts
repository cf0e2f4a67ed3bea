/**
 * Never two devices or keys for one use of a credential, whatever its kind, whoever comes at once, and whenever a process
 * ends; and no use is lost on somebody who is refused.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import {
  type Ask,
  type Credential,
  CredentialDatabase,
  CredentialWorld,
  devices,
  keys,
  kinds,
} from './credential-world.ts';
import { search, timeFor } from './search.ts';

const share = 0.2;
let database: CredentialDatabase;
before(async () => {
  database = await CredentialDatabase.open();
});
after(() => database.close());

const isShared = ({ kind }: Credential) => kind === 'batch' || kind === 'listed';

/** What must hold of all that was recorded, whatever happened. */
async function requireSound(world: CredentialWorld): Promise<void> {
  for (const credential of world.credentials) {
    const intents = world.by(credential);
    for (const { recordedAt } of intents)
      assert.ok(credential.notBefore <= recordedAt && recordedAt < credential.notAfter);
    if (!isShared(credential)) {
      assert.ok(intents.length <= 1, `${intents.length} certificates for one password`);
      continue;
    }
    const users = new Set(
      intents.map(({ subscriber, publicKeyDigest }) => `${subscriber} ${publicKeyDigest}`),
    );
    assert.ok(users.size <= credential.quota, `${users.size} devices, quota ${credential.quota}`);
    const { uses, usedBy } = await world.countOf(credential);
    assert.equal(uses, users.size, 'uses are not devices');
    assert.deepEqual(usedBy.sort(), [...users].sort());
  }
  const owners = new Map<string, string>();
  for (const { publicKeyDigest: key, subscriber = '' } of world.recorded) {
    assert.equal(owners.get(key) ?? subscriber, subscriber, 'one key for two devices');
    owners.set(key, subscriber);
  }
}

/** What one request must bring when nobody else asks: `issued`, `repeated` or the code of a refusal. */
function expected(world: CredentialWorld, ask: Ask): string {
  if (ask.credential.revoked) return 'unauthenticated';
  return isShared(ask.credential) ? expectedOfBatch(world, ask) : expectedOfPassword(world, ask);
}

function expectedOfPassword(world: CredentialWorld, ask: Ask): string {
  const { credential, key } = ask;
  if (world.now >= credential.notAfter) return 'unauthenticated';
  const [spent] = world.by(credential);
  if (spent && spent.publicKeyDigest !== world.keyDigest(key)) return 'unauthenticated';
  if (isForeign(world, ask)) return 'key-in-use';
  if (!spent) return 'issued';
  return isSameRequest(spent, ask) ? 'repeated' : 'credential-spent';
}

function expectedOfBatch(world: CredentialWorld, ask: Ask): string {
  const { credential, key } = ask;
  const { now } = world;
  if (now < credential.notBefore || now >= credential.notAfter) return 'bootstrap-window-closed';
  const digest = world.keyDigest(key);
  const firstKey = firstKeyOf(world, world.subscriberOf(ask));
  if (firstKey !== undefined && firstKey !== digest) return 'first-key-mismatch';
  if (isForeign(world, ask)) return 'key-in-use';
  const before = world
    .by(credential)
    .filter(
      ({ publicKeyDigest, subscriber }) =>
        publicKeyDigest === digest && subscriber === world.subscriberOf(ask),
    );
  const same = before.findLast((intent) => isSameRequest(intent, ask));
  if (same && same.notAfter > now) return 'repeated';
  if (before.length > 0) return 'issued';
  const users = new Set(world.by(credential).map(({ publicKeyDigest }) => publicKeyDigest));
  return users.size < credential.quota ? 'issued' : 'bootstrap-quota-used';
}

function isForeign(world: CredentialWorld, ask: Ask): boolean {
  const digest = world.keyDigest(ask.key);
  const subscriber = world.subscriberOf(ask);
  return world.recorded.some(
    (intent) => intent.publicKeyDigest === digest && intent.subscriber !== subscriber,
  );
}

function isSameRequest({ toBeSigned }: { toBeSigned: Uint8Array }, { variant }: Ask): boolean {
  const says = /v\d\.example/.exec(Buffer.from(toBeSigned).toString('latin1'))?.[0];
  return says === (variant === 0 ? undefined : `v${variant}.example`);
}

function firstKeyOf(world: CredentialWorld, device: string): string | undefined {
  return world.recorded
    .slice(world.resets.get(device) ?? 0)
    .findLast(({ subscriber }) => subscriber === device)?.publicKeyDigest;
}

type Deed = (world: CredentialWorld) => Promise<void>;
interface Wish {
  readonly process: number;
  readonly place: number;
  readonly device: number;
  readonly key: number;
  readonly variant: number;
  readonly crash: boolean;
}

const device = fc.nat({ max: devices - 1 });
const place = fc.nat({ max: 100 });
const wish: fc.Arbitrary<Wish> = fc.record({
  process: fc.nat({ max: 1 }),
  place,
  device,
  key: fc.nat({ max: keys - 1 }),
  variant: fc.nat({ max: 1 }),
  crash: fc.nat({ max: 3 }).map((luck) => luck === 0),
});

/** Of the newest credentials, so that several come with one. */
function chosen({ credentials }: CredentialWorld, place: number): Credential | undefined {
  const newest = credentials.slice(-3);
  return newest[place % Math.max(1, newest.length)];
}

async function askOne(world: CredentialWorld, { place, ...rest }: Wish): Promise<void> {
  const credential = chosen(world, place);
  if (credential) await askExpecting(world, { ...rest, credential });
}

/** As a device that lost the answer, or comes back when its certificate has ended. */
async function askAgain(world: CredentialWorld, place: number): Promise<void> {
  const { asked } = world;
  const ask = asked[place % Math.max(1, asked.length)];
  if (ask) await askExpecting(world, { ...ask, crash: false });
}

async function askExpecting(world: CredentialWorld, ask: Ask): Promise<void> {
  const wanted = expected(world, ask);
  const served = wanted === 'issued' || wanted === 'repeated';
  // What is on record already is released without being recorded again, unless the process ended then too.
  const outcome = await world.ask(ask);
  if (outcome === 'crashed') assert.ok(ask.crash && served, `${wanted}, and the process ended`);
  else assert.equal(outcome, wanted);
}

/** All for one credential, with somebody who revokes it meanwhile, maybe. */
async function askAtOnce(
  world: CredentialWorld,
  wishes: readonly Wish[],
  revoking: boolean,
): Promise<void> {
  const credential = chosen(world, wishes[0]?.place ?? 0);
  if (!credential) return;
  const asks = wishes.map(({ place: _, ...rest }) => ({ ...rest, credential }));
  const [outcomes] = await Promise.all([
    Promise.all(asks.map((ask) => world.ask(ask))),
    revoking ? world.revoke(1, credential) : undefined,
  ]);
  const users = new Set(world.by(credential).map(({ publicKeyDigest }) => publicKeyDigest));
  if (outcomes.includes('bootstrap-quota-used')) assert.equal(users.size, credential.quota);
}

const deeds: fc.WeightedArbitrary<readonly [string, Deed]>[] = [
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...kinds, 'batch' as const, 'listed' as const),
        device,
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(0, 0, 0, 50),
        fc.constantFrom(100, 1000, 100_000),
      )
      .map(([kind, d, quota, opens, ttl]) => [
        `create ${kind} ${d} ${quota} ${opens} ${ttl}`,
        (world) => world.create(kind, d, quota, opens, ttl),
      ]),
  },
  { weight: 12, arbitrary: wish.map((w) => [`ask ${JSON.stringify(w)}`, (it) => askOne(it, w)]) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.array(wish, { minLength: 2, maxLength: 5 }), fc.nat({ max: 3 }))
      .map(([wishes, luck]) => [
        `at once ${luck === 0 ? 'with revocation ' : ''}${JSON.stringify(wishes)}`,
        (world) => askAtOnce(world, wishes, luck === 0),
      ]),
  },
  {
    weight: 1,
    arbitrary: place.map((n) => [
      `revoke ${n}`,
      async (world) => {
        const credential = chosen(world, n);
        if (credential) await world.revoke(0, credential);
      },
    ]),
  },
  { weight: 4, arbitrary: place.map((n) => [`again ${n}`, (world) => askAgain(world, n)]) },
  { weight: 1, arbitrary: device.map((d) => [`reset ${d}`, (world) => world.resetKey(d)]) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(1, 49, 50, 99, 100, 599, 601, 1000, 1500)
      .map((seconds) => [`pass ${seconds}`, async (world) => world.pass(seconds)]),
  },
];

/** Printed by what it does. */
const deed = fc
  .oneof(...deeds)
  .map(([what, does]) => Object.assign(does, { [fc.toStringMethod]: () => what }));

test('a use of a credential is one device and one key, after any deeds in any order', {
  timeout: timeFor(share) + 120_000,
}, async (t) => {
  let last: Promise<void> | undefined;
  const runs = await search(
    fc.array(deed, { maxLength: 25, size: 'max' }),
    (list) => {
      last = live(list);
      return last;
    },
    share,
    // When the time is over, one is still under way.
  ).finally(() => last?.catch(() => undefined));
  await last;
  t.diagnostic(`${runs} worlds`);
});

async function live(list: readonly Deed[]): Promise<void> {
  const world = await CredentialWorld.make(database);
  for (const does of list) {
    await does(world);
    await requireSound(world);
  }
}
