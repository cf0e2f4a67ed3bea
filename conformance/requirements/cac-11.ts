import assert from 'node:assert/strict';
import { fetchCaCertificates } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CAC-11',
  level: 'REC',
  source: 'RFC 5652 section 5.1, X.690 section 11.6',
  title: 'The certificates are in the order that DER gives a SET OF',
  test: async (server) => {
    const encodings = await fetchCaCertificates(server);
    const sorted = [...encodings].sort(Buffer.compare);
    assert.ok(Buffer.concat(sorted).equals(Buffer.concat(encodings)), 'they are not sorted');
  },
};
