import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { refusesRequest } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-04',
  level: 'MUST',
  source: 'RFC 4648 sections 3.3 and 4',
  title: 'Characters outside the standard base64 alphabet are refused',
  test: async (server) => {
    const spoil = (device: string, alien: string) => {
      const text = certificateRequest(device, ecKey()).toString('base64');
      return { body: `${text.slice(0, 40)}${alien}${text.slice(40)}\n` };
    };
    for (const alien of ['-', '_', '!', '%2B', '\u00e9', '\0']) {
      await refusesRequest(server, `${JSON.stringify(alien)} in the body`, (device) =>
        spoil(device, alien),
      );
    }
    const toUrlAlphabet = (text: string) => text.replaceAll('+', '-').replaceAll('/', '_');
    await refusesRequest(server, 'base64url', (device) => {
      // A request needs a character on which the two alphabets differ for the case to say anything.
      for (;;) {
        const text = certificateRequest(device, ecKey()).toString('base64');
        if (/[+/]/.test(text)) return { body: toUrlAlphabet(text) };
      }
    });
  },
};
