import type { GroupSettings } from '../../enrollment/group-settings.ts';
import { type Examined, type Finding, ok, type Severity } from './finding.ts';

interface Weakness {
  holds(settings: GroupSettings): boolean;
  readonly severity: Severity;
  readonly message: string;
  /** Options of `bestow group set`. */
  readonly remedy: string;
}

const takesPasswords = ({ credentials }: GroupSettings) =>
  credentials === 'either' || credentials === 'password';

const weaknesses: readonly Weakness[] = [
  {
    holds: ({ serverKeys, serverKeyDelivery }) =>
      serverKeys !== 'off' && serverKeyDelivery === 'plain-allowed',
    severity: 'warn',
    message: 'keys made by the server may leave it protected by TLS alone',
    remedy: '--server-key-delivery encrypted-only',
  },
  {
    holds: ({ challengePassword }) => challengePassword === 'one-time-password',
    severity: 'warn',
    message: 'challengePassword holds a secret, so requests are secret, and none can be linked',
    remedy: '--challenge-password linking',
  },
  {
    holds: (settings) =>
      settings.passwordOnly &&
      takesPasswords(settings) &&
      settings.challengePassword === 'one-time-password',
    severity: 'warn',
    message: 'a password without a user name is enough, and comes inside the request',
    remedy: '--password-only off',
  },
  {
    holds: (settings) =>
      settings.passwordOnly && takesPasswords(settings) && settings.linking === 'off',
    severity: 'info',
    message: 'a password without a user name is enough, and nothing links it to the connection',
    remedy: '--password-only off',
  },
  {
    holds: ({ cmcSharedSecret }) => cmcSharedSecret,
    severity: 'info',
    message: 'new one-time passwords are kept so that they can be read again with the pepper',
    remedy: '--cmc-shared-secret off',
  },
];

export async function checkGroups({ stores }: Examined): Promise<Finding[]> {
  const groups = await (await stores()).tenants.groups({});
  const findings = groups.flatMap(({ label, settings }) => weaknessesOf(label, settings));
  return findings.length > 0
    ? findings
    : [ok(`the settings of ${groups.length} group(s) are strong`)];
}

export function weaknessesOf(label: string, settings: GroupSettings): Finding[] {
  return weaknesses
    .filter(({ holds }) => holds(settings))
    .map(({ severity, message, remedy }) => ({
      severity,
      message: `group ${label}: ${message}`,
      action: `if no device needs it: bestow group set ${label} ${remedy}`,
    }));
}
