import type { Profile } from './certificate-profile.ts';
import type { KeyUsage } from './extensions/key-usage.ts';
import type { PublicKey } from './key-rules.ts';

const made = new WeakMap<Profile, Map<KeyUsage, Profile>>();

/**
 * What a certificate says whose key was never seen to sign: that it receives keys, by transport or by agreement (RFC 5280
 * section 4.2.1.3, RFC 8410 section 5), and nothing else. Nobody authenticates by it, so no extended key usage is left
 * that would be consistent with the key usage (RFC 5280 section 4.2.1.12).
 * @returns always the same profile for the same profile and use, since composers are kept by profile
 */
export function keyEstablishmentProfile(
  profile: Profile,
  { kind }: Pick<PublicKey, 'kind'>,
): Profile {
  const usage: KeyUsage = kind === 'RSA' ? 'keyEncipherment' : 'keyAgreement';
  const uses = made.get(profile) ?? new Map<KeyUsage, Profile>();
  made.set(profile, uses);
  let derived = uses.get(usage);
  if (!derived) {
    derived = {
      ...profile,
      name: `${profile.name}-${usage === 'keyEncipherment' ? 'key-encipherment' : 'key-agreement'}`,
      keyUsage: [usage],
      extendedKeyUsage: [],
    };
    uses.set(usage, derived);
  }
  return derived;
}
