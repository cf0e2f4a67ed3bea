import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';
import { rootRollover } from '../root-rollover.ts';

export const requirement: Requirement = {
  id: 'ROL-10',
  level: 'REC',
  source: 'RFC 4210 section 4.4, note 2',
  title: 'No certificate ends after the link by which the other root vouches for it',
  test: async (server) => {
    const { oldWithNew, newWithNew, bag } = await rootRollover(server);
    const { certificate } = await server.sharedDevice();
    const issuing = bag.find(
      (each) => certificate.checkIssued(each) && certificate.verify(each.publicKey),
    );
    assert.ok(issuing, '/cacerts does not have the issuer');
    assert.ok(certificate.validToDate <= issuing.validToDate, 'it outlives its issuer');
    const end = issuing.verify(oldWithNew.publicKey) ? oldWithNew : newWithNew;
    assert.ok(certificate.validToDate <= end.validToDate, 'it outlives the root above it');
  },
};
