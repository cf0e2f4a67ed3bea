/**
 * Events and the power cut: the server is killed before and after the transaction that stores a certificate. What was not
 * stored is not told, and what was stored is told once, however often the device asks again.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Failpoint } from '../../ca/failpoint.ts';
import { withStores } from '../../cli/data.ts';
import { BestowServer } from '../support/bestow.ts';
import { certificateOf, makeKey, post } from '../support/est-client.ts';

/** What is told after the end at each arrow. */
const told: Partial<Record<Failpoint, readonly string[]>> = {
  'intent-recorded': [],
  'certificate-checked': [],
  'certificate-recorded': ['bestow.device.enrolled', 'bestow.certificate.issued'],
};
const failpoints = Object.keys(told) as Failpoint[];
const server = await BestowServer.init();
after(() => server[Symbol.asyncDispose]());
const passwords = await server.passwords(failpoints);

before(() =>
  withStores({ data: server.data }, ({ webhooks }) => {
    const webhook = { id: 'wh', url: 'https://receiver.invalid/', types: ['*'] };
    const secret = { id: 'sec', sealed: Uint8Array.of(1), createdAt: new Date() };
    return webhooks.add({ ...webhook, purpose: 'events' }, secret, 'test');
  }),
);

/** Newest first; sightings are best effort. */
const eventsOf = (device: string) =>
  withStores({ data: server.data }, async ({ events }) =>
    (await events.list({ device, limit: 100 }))
      .map(({ type }) => type)
      .filter((type) => type !== 'bestow.device.seen'),
  );

for (const failpoint of failpoints)
  test(`killed at ${failpoint}`, { timeout: 60_000 }, async () => {
    const request = makeKey().request(`/CN=${failpoint}`);
    const enroll = () => {
      const basic = { user: failpoint, password: passwords[failpoint] ?? '' };
      return post(`${server.est}/simpleenroll`, server.root, request, basic);
    };
    await server.start({ BESTOW_FAILPOINT: failpoint });
    await assert.rejects(enroll(), /socket hang up|ECONNRESET/);
    assert.equal(await server.ended(), 'SIGKILL');
    assert.deepEqual(await eventsOf(failpoint), told[failpoint]);

    await server.start();
    const certificate = certificateOf(await enroll());
    assert.equal(certificateOf(await enroll()), certificate);
    assert.deepEqual(await eventsOf(failpoint), [
      'bestow.device.enrolled',
      'bestow.certificate.issued',
    ]);
    await server.stop();
  });
