import { certificateRequest, ecKey, withBrokenSignature } from '../certificate-requests.ts';
import { refusesClient } from '../flows.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import { issuerName, subjectName } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';
import type { ClientCertificate } from '../self-made-certificates.ts';
import {
  clientCertificate,
  makeCertificate,
  strangerCertificate,
} from '../self-made-certificates.ts';

export const requirement: Requirement = {
  id: 'TLS-13',
  level: 'MUST',
  source: 'RFC 7030 section 3.3.2, RFC 5280 section 6',
  title: 'Client certificates without a valid path are refused',
  test: async (server) => {
    const { device, key, certificate, client } = await server.sharedDevice();
    const request = certificateRequest(device, ecKey());
    const subject = subjectName(certificate);
    const issuer = issuerName(certificate);
    const leafKey = ecKey();
    // The device's own certificate plays the authority: its signature is real, but it is no CA.
    const issuedByDevice = makeCertificate(leafKey, { subject, issuer: subject, issuerKey: key });
    const impostors: Record<string, ClientCertificate> = {
      'issuer unknown': strangerCertificate({ subject }),
      'issuer only by name': strangerCertificate({ subject, issuer }),
      expired: strangerCertificate({ subject, issuer, daysFrom: -30, daysTo: -1 }),
      'not yet valid': strangerCertificate({ subject, issuer, daysFrom: 10 }),
      'self-signed': clientCertificate(leafKey, makeCertificate(leafKey, { subject })),
      'bad signature': clientCertificate(key, withBrokenSignature(certificate.raw)),
      'issuer is no CA': clientCertificate(leafKey, issuedByDevice, certificate.raw),
    };
    for (const [what, impostor] of Object.entries(impostors)) {
      await refusesClient(server, what, 'simpleenroll', impostor, request);
    }
    issuedCertificate(
      await server.post('simpleenroll', request, { client }),
      'the true certificate',
    );
  },
};
