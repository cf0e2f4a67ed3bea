import assert from 'node:assert/strict';
import { commonName } from '../certificate-requests.ts';
import {
  deviceWithNames,
  dnsNameOf,
  generalNames,
  rename,
  subjectAltName,
} from '../changed-names.ts';
import { sequence } from '../der-writer.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import { subjectName } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-10',
  level: 'REC',
  source: 'RFC 6402 appendix A',
  title: 'Subject and subjectAlt of changeSubjectName are told apart by what they hold',
  test: async (server) => {
    const { device } = await deviceWithNames(server);
    const names = generalNames(dnsNameOf(device));
    const holds = async (what: string, subject: Buffer, ...components: Buffer[]) => {
      const issued = issuedCertificate(await rename(server, () => components), what);
      assert.ok(subjectName(issued).equals(subject), `${what}: the subject is another`);
      assert.ok(subjectAltName(issued)?.value.equals(names), `${what}: the names are others`);
    };
    await holds('subjectAlt alone', sequence(), names);
    await holds('subject and subjectAlt', commonName(device), commonName(device), names);
  },
};
