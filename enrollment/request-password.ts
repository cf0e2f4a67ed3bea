/**
 * A one-time password inside the certificate request: in otpChallenge (RFC 7894 section 3.1), or, where a group serves old
 * clients, in challengePassword (RFC 2985 section 5.4.1).
 */

import { malformed } from '../ca/refusal.ts';
import type { Challenges } from '../ca/request-attributes.ts';
import type { Group } from './group.ts';

export interface RequestPassword {
  readonly password: string;
  readonly carrier: 'otpChallenge' | 'challengePassword';
}

/**
 * @param groups the caller's group, or all it may turn out to be in
 * @param isLinking whether a challengePassword is linking information: that is no failed password, and is judged as what it is
 * @throws Refusal malformed-request where two carriers disagree
 */
export function passwordIn(
  { otpChallenge, challengePassword }: Challenges,
  groups: readonly Group[],
  isLinking: (text: string) => boolean,
): RequestPassword | undefined {
  const isPassword =
    challengePassword !== undefined &&
    groups.some(({ settings }) => settings.challengePassword === 'one-time-password') &&
    !isLinking(challengePassword);
  if (otpChallenge === undefined)
    return isPassword ? { password: challengePassword, carrier: 'challengePassword' } : undefined;
  if (isPassword && challengePassword !== otpChallenge)
    throw malformed(
      'The request has different one-time passwords in otpChallenge and challengePassword.',
    );
  return { password: otpChallenge, carrier: 'otpChallenge' };
}
