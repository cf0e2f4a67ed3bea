import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { parseBer } from '../der.ts';
import { extensionValue } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';
import { rootRollover } from '../root-rollover.ts';

function subjectKey(certificate: X509Certificate): string | undefined {
  const value = extensionValue(certificate, '2.5.29.14');
  return value && parseBer(value).contents.toString('hex');
}

function authorityKey(certificate: X509Certificate): string | undefined {
  const value = extensionValue(certificate, '2.5.29.35');
  const identifier = value && parseBer(value).children.find(({ tag }) => tag === 0x80);
  return identifier?.contents.toString('hex');
}

export const requirement: Requirement = {
  id: 'ROL-06',
  level: 'MUST',
  source: 'RFC 5280 sections 4.2.1.1 and 4.2.1.2',
  title: 'Key identifiers tell the two keys of a root apart',
  test: async (server) => {
    const { oldWithOld, oldWithNew, newWithOld, newWithNew } = await rootRollover(server);
    const [old, next] = [subjectKey(oldWithOld), subjectKey(newWithNew)];
    assert.ok(old && next && old !== next, 'the keys have no identifiers of their own');
    assert.deepEqual([subjectKey(oldWithNew), subjectKey(newWithOld)], [old, next]);
    assert.deepEqual([authorityKey(oldWithNew), authorityKey(newWithOld)], [next, old]);
  },
};
