import {
  bindingOf,
  CHALLENGE_PASSWORD,
  challenge,
  EST_IDENTITY_LINKING,
  OTP_CHALLENGE,
  postBound,
} from '../channel-binding.ts';
import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

const WRONG = 'AAAAAAAAAAAAAAAA';

export const requirement: Requirement = {
  id: 'ALT-03',
  level: 'MUST',
  source: 'RFC 7894 section 4',
  title: 'Each challenge attribute that is there has to be right',
  test: async (server) => {
    const { device, credential } = await server.newcomer();
    const send = (old: string | undefined, linking: string | undefined, otp: string) =>
      postBound(server, {
        applicant: { device },
        attributes: (socket) => [
          challenge(CHALLENGE_PASSWORD, old ?? bindingOf(socket)),
          challenge(EST_IDENTITY_LINKING, linking ?? bindingOf(socket)),
          challenge(OTP_CHALLENGE, otp),
        ],
      });
    const { password } = credential;
    const right = undefined;
    refused(await send(right, right, WRONG), '4xx', 'a wrong otpChallenge, the others right');
    refused(await send(right, WRONG, password), '4xx', 'a wrong estIdentityLinking alone');
    refused(await send(WRONG, right, password), '4xx', 'a wrong challengePassword alone');
    answered(await send(right, right, password), 200, 'all three right');
  },
};
