import { challenge, OTP_CHALLENGE, postBound } from '../channel-binding.ts';
import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ALT-08',
  level: 'REC',
  source: 'RFC 7894 section 3.1',
  title: 'A one-time password in otpChallenge is good for one certificate',
  test: async (server) => {
    const { device, credential } = await server.newcomer();
    const attempt = () =>
      postBound(server, {
        applicant: { device },
        attributes: () => [challenge(OTP_CHALLENGE, credential.password)],
      });
    answered(await attempt(), 200, 'a fresh password in otpChallenge');
    refused(await attempt(), '4xx', 'the same with another key');
    const inHttp = await postBound(server, {
      applicant: { device, credential },
      attributes: () => [],
    });
    refused(inHttp, '4xx', 'the same by HTTP with another key');
  },
};
