import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadRequirements } from './load-requirements.ts';
import { notTested } from './not-tested.ts';
import { requirementIds } from './requirement-ids.ts';

test('every row is either tested or left out with a reason, and none is both', async () => {
  const tested = (await loadRequirements()).map(({ id }) => id);
  const accounted = [...tested, ...Object.keys(notTested)];
  assert.deepEqual(accounted.sort(), [...requirementIds].sort());
});

test('every requirement has a source and a title that is one sentence', async () => {
  for (const { id, source, title } of await loadRequirements()) {
    assert.match(source, /\S/, id);
    assert.match(title, /^\S.{10,110}[^.]$/, id);
  }
});

test('only the requirements asked for are loaded, and an unknown one is an error', async () => {
  const [only, ...others] = await loadRequirements(['enr-02']);
  assert.equal(only?.id, 'ENR-02');
  assert.equal(others.length, 0);
  await assert.rejects(loadRequirements(['ENR-20']), /no such requirement: ENR-20/);
});
