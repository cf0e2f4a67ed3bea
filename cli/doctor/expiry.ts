import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type DelegationName, delegations } from '../../ca/ca-state.ts';
import { deviceProfile } from '../../ca/certificate-profile.ts';
import type { CertificationAuthority, Issuer } from '../../ca/certification-authority.ts';
import type { Config } from '../../server/config.ts';
import { dataPaths } from '../../server/data-directory.ts';
import { loadCa } from '../certification-authority.ts';
import { type Examined, type Finding, ok, type Severity } from './finding.ts';

export interface Lifetime {
  /** How the sentence names the certificate. */
  readonly name: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Days that are left when a finding becomes that bad. */
  readonly thresholds: Readonly<Record<Exclude<Severity, 'ok'>, number>>;
  readonly action: string;
}

/** Devices and relying parties must learn a new CA in time; the other certificates are replaced in an hour. */
const ofCa = { critical: 30, warn: 180, info: 365 };
const ofServer = { critical: 7, warn: 30, info: 60 };
const day = 86_400_000;

export async function checkExpiry({ config, stores, now }: Examined): Promise<Finding[]> {
  const ca = await loadCa(await stores());
  const { serverChain } = dataPaths(config.directory);
  const lifetimes = [...ca.issuers.flatMap(lifetimesOf), lifetimeOfServer(serverChain)];
  return [...lifetimes.map((each) => expiryFinding(each, now)), ...cutShort(ca, config, now)];
}

/** Issuers that end before the device certificates would that they issue. */
function cutShort({ issuers }: CertificationAuthority, config: Config, now: Date): Finding[] {
  const { validitySeconds } = deviceProfile(config.profiles.device);
  const ends = now.getTime() + validitySeconds * 1000;
  const days = Math.floor(validitySeconds / 86_400);
  return issuers.flatMap(({ name, active }) =>
    active && active.chain.issuing.notAfter.getTime() < ends
      ? [
          {
            severity: 'warn' as const,
            message: `device certificates are to be valid for ${days} days, but end with the issuing certificate of "${name}"`,
            action: `replace its key: \`bestow ca rollover start --issuer ${name}\``,
          },
        ]
      : [],
  );
}

/** The root's is told with each issuer below it. */
function lifetimesOf({ name, active }: Issuer): Lifetime[] {
  if (!active) return [];
  const { chain, delegated } = active;
  const action = 'plan the next CA: what it signed ends with it; see `bestow ca rollover`';
  return [
    { ...chain.root, name: `the root certificate of "${name}"`, thresholds: ofCa, action },
    { ...chain.issuing, name: `the issuing certificate of "${name}"`, thresholds: ofCa, action },
    ...delegations.flatMap((which) => {
      const certificate = delegated[which]?.certificate;
      return certificate ? [lifetimeOfDelegated(certificate, which, name)] : [];
    }),
  ];
}

function lifetimeOfServer(serverChain: string): Lifetime {
  const tls = new X509Certificate(readFileSync(serverChain));
  return {
    name: "the server's TLS certificate",
    notBefore: new Date(tls.validFrom),
    notAfter: new Date(tls.validTo),
    thresholds: ofServer,
    action: `put another one into ${serverChain}, with its key, and restart the server`,
  };
}

function lifetimeOfDelegated(
  { notBefore, notAfter }: Pick<Lifetime, 'notBefore' | 'notAfter'>,
  which: DelegationName,
  issuer: string,
): Lifetime {
  const action = `stop the server and run \`bestow ca ${which}-key --issuer ${issuer} --replace\``;
  const name = `the ${which.toUpperCase()} certificate of "${issuer}"`;
  return { name, notBefore, notAfter, thresholds: ofServer, action };
}

export function expiryFinding(
  { name, notBefore, notAfter, thresholds, action }: Lifetime,
  now: Date,
): Finding {
  if (now < notBefore)
    return {
      severity: 'critical',
      message: `${name} is valid from ${notBefore.toISOString()}, which is still to come`,
      action: 'set the clock right',
    };
  const message = `${name} ends at ${notAfter.toISOString()}`;
  const left = (notAfter.getTime() - now.getTime()) / day;
  if (left <= 0)
    return { severity: 'critical', message: `${name} ended at ${notAfter.toISOString()}`, action };
  for (const severity of ['critical', 'warn', 'info'] as const)
    if (left <= thresholds[severity]) return { severity, message, action };
  return ok(message);
}
