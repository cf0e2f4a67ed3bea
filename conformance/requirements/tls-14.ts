import {
  certificateRequest,
  ecKey,
  extendedKeyUsage,
  extensionRequest,
} from '../certificate-requests.ts';
import { refusesClient, renewalRequest } from '../flows.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import { issuerName, purposes, subjectName } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';
import { clientCertificate, strangerCertificate } from '../self-made-certificates.ts';

export const requirement: Requirement = {
  id: 'TLS-14',
  level: 'MUST',
  source: 'RFC 5280 section 4.2.1.12',
  title: 'A client certificate limited to other purposes than clientAuth does not authenticate',
  test: async (server) => {
    const { device, certificate, key: oldKey, client } = await server.sharedDevice();
    const key = ecKey();
    const serverOnly = extensionRequest(extendedKeyUsage('1.3.6.1.5.5.7.3.1'));
    const request = certificateRequest(device, key, { attributes: [serverOnly] });
    const answer = await server.post('simpleenroll', request, { client });
    const issued = answer.status === 200 ? issuedCertificate(answer, 'simpleenroll') : undefined;
    const limited = issued && purposes(issued)?.has('1.3.6.1.5.5.7.3.2') === false;
    // A server that certifies no such thing is shown one that only looks as if it were from it.
    const wrong = limited
      ? clientCertificate(key, issued.raw)
      : strangerCertificate({
          subject: subjectName(certificate),
          issuer: issuerName(certificate),
          purposes: ['1.3.6.1.5.5.7.3.1'],
        });
    const renewal = renewalRequest(limited ? issued : certificate, limited ? key : oldKey);
    await refusesClient(server, 'serverAuth only', 'simplereenroll', wrong, renewal);
  },
};
