import {
  type BootstrapCredential,
  isUsedUp,
  standingOf,
} from '../../enrollment/bootstrap-credential.ts';
import { type Examined, type Finding, ok } from './finding.ts';

const dayMs = 86_400_000;
/** A secret in more devices than this, for longer than this, is out sooner or later. */
const many = 50;
const longDays = 30;
const endsSoonDays = 7;
const most = 1000;

export async function checkBootstrapCredentials({ stores, now }: Examined): Promise<Finding[]> {
  const credentials = await (await stores()).bootstrapCredentials.list({ limit: most });
  const findings = credentials.flatMap((each) => bootstrapFindings(each, now));
  const open = credentials.filter((each) => standingOf(each, now) === 'open').length;
  return findings.length > 0 ? findings : [ok(`${open} open, none of them a risk or near its end`)];
}

/** Of one that has ended or is revoked there is nothing to say. */
export function bootstrapFindings(credential: BootstrapCredential, now: Date): Finding[] {
  const standing = standingOf(credential, now);
  if (standing === 'revoked' || standing === 'ended') return [];
  return isUsedUp(credential)
    ? [usedUp(credential)]
    : [...shared(credential), ...ending(credential, now)];
}

function usedUp({ id, group, quota, exceededAt }: BootstrapCredential): Finding {
  return exceededAt
    ? {
        severity: 'warn',
        message: `${id} of group ${group} is used up by ${quota} device(s), and since ${exceededAt.toISOString()} more have come: the batch is larger, or a stranger has the secret`,
        action: `bestow bootstrap show ${id} lists who used it; for the others: bestow bootstrap create --group ${group}`,
      }
    : {
        severity: 'info',
        message: `${id} of group ${group} is used up by ${quota} device(s)`,
        action: `nothing, if that was all of them; or bestow bootstrap create --group ${group}`,
      };
}

function shared({ id, quota, notBefore, notAfter }: BootstrapCredential): Finding[] {
  const days = Math.round((notAfter.getTime() - notBefore.getTime()) / dayMs);
  if (quota <= many || days <= longDays) return [];
  return [
    {
      severity: 'warn',
      message: `${id} is shared by ${quota} devices and open for ${days} days: whoever reads it out of one of them can enroll in the place of another`,
      action: `make several with small quotas and short windows, and bestow bootstrap revoke ${id}`,
    },
  ];
}

function ending({ id, group, uses, quota, notAfter }: BootstrapCredential, now: Date): Finding[] {
  if (notAfter.getTime() - now.getTime() > endsSoonDays * dayMs) return [];
  return [
    {
      severity: 'info',
      message: `${id} of group ${group} ends at ${notAfter.toISOString()}, and ${quota - uses} of ${quota} devices have not come`,
      action: `for those that come later: bestow bootstrap create --group ${group}`,
    },
  ];
}
