import type { IncomingHttpHeaders } from 'node:http';
import { type DigestAlgorithm, digestAlgorithms, realm } from '../../enrollment/digest-secret.ts';
import type { Group } from '../../enrollment/group.ts';
import type { PasswordScheme } from '../../enrollment/group-settings.ts';
import { takesPassword } from '../../enrollment/provisioning.ts';
import { StaleNonce } from '../../enrollment/refusal.ts';
import { digestChallenge } from './digest-authentication.ts';
import type { EstParts } from './exchange.ts';

/**
 * The WWW-Authenticate headers of a 401, one for each scheme and algorithm that a password can come by: those of the
 * group whose path was called or, without a label, of all groups.
 *
 * Basic stands first, as RFC 9110 section 11.3 advises: libest and Bouncy Castle read the first header only, and curl
 * takes the strongest wherever it stands. Digest follows with its algorithms, strongest first (RFC 7616 section 3.7).
 *
 * @returns none where no password is accepted
 */
export async function challengesFor(
  { tenants, authenticators }: EstParts,
  group: Group | undefined,
  headers: IncomingHttpHeaders,
  refusal: unknown,
): Promise<string[]> {
  const schemes = offeredBy(group ? [group] : await tenants.groups({}));
  const challenges = schemes.has('basic') ? [`Basic realm="${realm}"`] : [];
  if (!schemes.has('digest')) return challenges;
  const nonce = authenticators.nonces.make(new Date());
  const stale = refusal instanceof StaleNonce;
  for (const algorithm of algorithmsFor(headers))
    challenges.push(digestChallenge(algorithm, nonce, stale));
  return challenges;
}

function offeredBy(groups: readonly Group[]): Set<PasswordScheme> {
  return new Set(
    groups.flatMap(({ settings }) =>
      settings.credentials === 'certificate' || !takesPassword(settings)
        ? []
        : settings.passwordSchemes,
    ),
  );
}

/**
 * MD5 first for those who read nothing else and only the first header: libest, which says its name, and Bouncy Castle,
 * which sends no User-Agent.
 */
function algorithmsFor({ 'user-agent': agent }: IncomingHttpHeaders): readonly DigestAlgorithm[] {
  const readsFirstOnly = agent === undefined || /^libest\b/i.test(agent);
  return readsFirstOnly ? digestAlgorithms.toReversed() : digestAlgorithms;
}
