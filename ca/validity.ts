import type { Profile } from './certificate-profile.ts';

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * From the issuance as long as the profile says, begun a little earlier; never before the issuer began, never beyond its
 * end. Whole seconds.
 */
export function validityOf(
  { backdateSeconds, validitySeconds }: Pick<Profile, 'backdateSeconds' | 'validitySeconds'>,
  { notBefore: begins, notAfter: ends }: Validity,
  now: Date,
): Validity {
  const second = Math.floor(now.getTime() / 1000);
  const notBefore = new Date((second - backdateSeconds) * 1000);
  const notAfter = new Date((second + validitySeconds) * 1000);
  return {
    notBefore: notBefore < begins ? begins : notBefore,
    notAfter: notAfter > ends ? ends : notAfter,
  };
}
