import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { parseBer } from '../der.ts';
import { objectIdentifier } from '../der-writer.ts';
import { fetchCaCertificates } from '../flows.ts';
import { extensionValue, purposes } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

const SUBJECT_INFO_ACCESS = '1.3.6.1.5.5.7.1.11';
const CMC_SERVICE = objectIdentifier('1.3.6.1.5.5.7.48.12');
/** id-kp-cmcCA, id-kp-cmcRA and id-kp-cmcArchive. */
const CMC_PURPOSES = ['27', '28', '29'].map((last) => `1.3.6.1.5.5.7.3.${last}`);

export const requirement: Requirement = {
  id: 'RA-05',
  level: 'MUST',
  source: 'RFC 6402 section 2.11',
  title: 'A certificate that says where CMC is spoken says what its holder is in CMC',
  test: async (server) => {
    const seen = [
      ...(await fetchCaCertificates(server)).map((der) => new X509Certificate(der)),
      (await server.sharedDevice()).certificate,
      (await server.authority()).certificate,
    ];
    for (const certificate of seen) {
      const access = extensionValue(certificate, SUBJECT_INFO_ACCESS);
      const services = access === undefined ? [] : parseBer(access).children;
      if (!services.some(({ children }) => children[0]?.encoded.equals(CMC_SERVICE))) continue;
      assert.ok(
        CMC_PURPOSES.some((purpose) => purposes(certificate)?.has(purpose)),
        `${certificate.subject} has id-ad-cmc and no purpose of CMC`,
      );
    }
  },
};
