import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkCampaignName, checkChange } from './campaign.ts';

test('a campaign is named so that its name can stand in a command', () => {
  for (const name of ['a', 'To_eu.2030-01', '7', 'x'.repeat(63)])
    assert.equal(checkCampaignName(name), name);
  for (const name of ['', '-x', '.x', '_x', 'a b', 'a/b', 'a\n', 'ä', 'x'.repeat(64)])
    assert.throws(
      () => checkCampaignName(name),
      { name: 'TypeError', message: /cannot name a campaign/ },
      name,
    );
});

test('devices are sent to a region that can be, or to quarantine', () => {
  for (const change of [{ region: 'eu-1' }, { quarantined: true }, { quarantined: false }])
    assert.deepEqual(checkChange(change), change);
  for (const region of ['', 'a b', 'a\nb'])
    assert.throws(() => checkChange({ region }), { name: 'TypeError' }, region);
});
