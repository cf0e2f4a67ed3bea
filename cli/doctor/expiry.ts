import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseDuration } from '../../ca/certificate-profile.ts';
import {
  dataPaths,
  loadCaChain,
  loadCmcCertificate,
  loadOcspCertificate,
} from '../../server/data-directory.ts';
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

export function checkExpiry({ config, now }: Examined): Finding[] {
  const lifetimes = lifetimesIn(config.directory);
  const findings = lifetimes.map((lifetime) => expiryFinding(lifetime, now));
  const { issuing } = loadCaChain(config.directory);
  const validity = parseDuration(config.profiles.device.validity) * 1000;
  if (issuing.notAfter.getTime() - now.getTime() < validity)
    findings.push({
      severity: 'warn',
      message: `device certificates are to be valid for ${config.profiles.device.validity}, but end with the issuing certificate`,
      action: 'plan the next issuing CA',
    });
  return findings;
}

function lifetimesIn(directory: string): Lifetime[] {
  const { serverChain } = dataPaths(directory);
  const chain = loadCaChain(directory);
  const cmc = loadCmcCertificate(directory, chain);
  const ocsp = loadOcspCertificate(directory, chain);
  const tls = new X509Certificate(readFileSync(serverChain));
  const action = 'plan the next CA: what it signed ends with it';
  return [
    { ...chain.root, name: 'the root certificate', thresholds: ofCa, action },
    { ...chain.issuing, name: 'the issuing certificate', thresholds: ofCa, action },
    ...(cmc ? [delegated(cmc, 'CMC', 'cmc-key')] : []),
    ...(ocsp ? [delegated(ocsp, 'OCSP', 'ocsp-key')] : []),
    {
      name: "the server's TLS certificate",
      notBefore: new Date(tls.validFrom),
      notAfter: new Date(tls.validTo),
      thresholds: ofServer,
      action: `put another one into ${serverChain}, with its key, and restart the server`,
    },
  ];
}

function delegated(
  { notBefore, notAfter }: Pick<Lifetime, 'notBefore' | 'notAfter'>,
  what: string,
  command: string,
): Lifetime {
  const action = `stop the server and run \`bestow ca ${command} --replace\``;
  return { name: `the ${what} certificate`, notBefore, notAfter, thresholds: ofServer, action };
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
