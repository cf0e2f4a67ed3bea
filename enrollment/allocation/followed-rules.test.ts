import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import type { PolicyOnRecord } from './allocation-directory.ts';
import { FollowedRules } from './followed-rules.ts';

const fixed = (endpoint: string): PolicyOnRecord => ({
  label: 'sensors',
  policy: { allocate: 'fixed', endpoints: [endpoint] },
  setAt: new Date(0),
  setBy: 'test',
});

/** A directory in memory, which counts what it is asked. */
function directoryOf(...policies: PolicyOnRecord[]) {
  return {
    now: 1,
    reads: 0,
    fails: false,
    list: policies,
    marked: [] as string[],
    async revision() {
      if (this.fails) throw new Error('out of reach');
      return this.now;
    },
    async policies() {
      this.reads++;
      return this.list;
    },
    async down() {
      return this.marked.map((endpoint) => ({ endpoint, since: new Date(0), by: 'test' }));
    },
  };
}
const policyOf = (rules: FollowedRules) => rules.current.policies.get('sensors')?.policy;

test('what changed is read again, and nothing where nothing changed', async () => {
  const directory = directoryOf(fixed('mqtts://a'));
  const rules = await FollowedRules.read({ directory, report: (error) => assert.fail(`${error}`) });
  const first = rules.current;
  await rules.refresh();
  assert.equal(rules.current, first);
  assert.equal(directory.reads, 1);
  Object.assign(directory, { now: 2, list: [fixed('mqtts://b')], marked: ['mqtts://b'] });
  await rules.refresh();
  assert.deepEqual(policyOf(rules), fixed('mqtts://b').policy);
  assert.deepEqual([...rules.current.down], ['mqtts://b']);
});

test('followed by itself; while the database is out of reach the last rules serve on', async () => {
  const errors: unknown[] = [];
  const directory = directoryOf(fixed('mqtts://a'));
  const rules = await FollowedRules.read({ directory, report: (error) => errors.push(error) });
  rules.follow();
  try {
    directory.fails = true;
    await eventually(() => errors.length > 0);
    assert.deepEqual(policyOf(rules), fixed('mqtts://a').policy);
    Object.assign(directory, { fails: false, now: 2, list: [] });
    await eventually(() => policyOf(rules) === undefined);
  } finally {
    rules.close();
  }
});
