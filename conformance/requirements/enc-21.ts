import { base64Lines, certificateRequest, ecKey } from '../certificate-requests.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-21',
  level: 'MUST',
  source: 'RFC 9112 sections 6 and 7',
  title: 'Chunked requests are taken; contradicting lengths are refused',
  test: async (server) => {
    const { device, ...applicant } = await server.applicant();
    const body = base64Lines(certificateRequest(device, ecKey()));
    const chunks = (body.match(/[\s\S]{1,100}/g) ?? []).map(
      (part) => `${part.length.toString(16)}\r\n${part}\r\n`,
    );
    const chunked = `${chunks.join('')}0\r\n\r\n`;
    const transfer = { 'Transfer-Encoding': 'chunked' };
    const good = { ...applicant, body: chunked, headers: transfer };
    issuedCertificate(await server.fetch('simpleenroll', good), 'a chunked request');
    const both = { ...transfer, 'Content-Length': String(chunked.length) };
    for (const headers of [both, { 'Content-Length': `${body.length}, ${body.length + 1}` }]) {
      const answer = await server
        .fetch('simpleenroll', { ...applicant, body: chunked, headers })
        .catch(() => undefined);
      if (answer) refused(answer, '4xx', `headers ${JSON.stringify(headers)}`);
    }
  },
};
