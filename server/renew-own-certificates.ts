/**
 * Renews the certificates of the server's own keys in time, while it runs: those that sign OCSP and CMC answers, and the
 * TLS certificate where it is one of ours.
 */

import { createPublicKey } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { endOfChain } from '../ca/ca-chain.ts';
import { changeIssuingKey, type DelegationName, delegations } from '../ca/ca-state.ts';
import type { CaStateStore } from '../ca/ca-state-store.ts';
import { type Certificate, extensionOf, readCertificate } from '../ca/certificate.ts';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import {
  type CertificationAuthority,
  type DelegatedKey,
  type IssuingKey,
  issuingKeyOf,
  issuingKeysOf,
  readCertificationAuthority,
} from '../ca/certification-authority.ts';
import { readDer } from '../ca/der.ts';
import { readGeneralNames } from '../ca/general-names.ts';
import type { IssuanceLedger } from '../ca/issuance-ledger.ts';
import type { ProfileDirectory } from '../enrollment/profile-directory.ts';
import type { Config } from './config.ts';
import { dataPaths, readPem, toPem } from './data-directory.ts';
import type { KeyConnections } from './key-connections.ts';
import { delegatedPlan, tlsServerPlan } from './own-certificates.ts';
import { readActiveProfiles } from './read-profiles.ts';

export interface RenewalParts {
  readonly config: Pick<Config, 'directory' | 'serialPrefix' | 'profiles' | 'endpointArc'>;
  readonly profiles: Pick<ProfileDirectory, 'revision' | 'active'>;
  readonly store: CaStateStore;
  readonly ledger: IssuanceLedger;
  readonly keys: KeyConnections;
  /** Tells the workers that the TLS certificate is another one. */
  announce(): Promise<void>;
  readonly logger: Logger;
}

/** Who renews, in the audit log. */
const actor = 'server';
/** Nothing is looked at less often: operators and other nodes change the CA too. */
const longestWaitMs = 3_600_000;
const retryMs = 60_000;

/**
 * When a certificate is to be renewed: with a third of its life left. What ends with its issuer has no renewal that would
 * last longer.
 * @param issuerEnds when nothing of its issuer is valid any more
 * @returns milliseconds since 1970
 */
export function renewalDue(
  { notBefore, notAfter }: Pick<Certificate, 'notBefore' | 'notAfter'>,
  issuerEnds: Date,
): number {
  return notAfter >= issuerEnds
    ? Number.POSITIVE_INFINITY
    : notAfter.getTime() - (notAfter.getTime() - notBefore.getTime()) / 3;
}

export interface Renewal {
  /** Looks again, since the CA has changed. */
  look(): void;
  stop(): Promise<void>;
}

/** Looks at once, and then whenever something is due. */
export function renewOwnCertificates(parts: RenewalParts): Renewal {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const round = async () => {
    clearTimeout(timer);
    if (stopped) return;
    const wait = await renewWhatIsDue(parts).catch((error) => {
      parts.logger.error({ err: error }, 'a certificate of the server itself could not be renewed');
      return retryMs;
    });
    if (!stopped) timer = setTimeout(() => (running = round()), wait);
  };
  let running = round();
  return {
    look: () => {
      running = running.then(round);
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** @returns milliseconds until something may be due again */
async function renewWhatIsDue(parts: RenewalParts): Promise<number> {
  const ca = readCertificationAuthority(await parts.store.load());
  for (const { issuing, which, key } of delegatedInUse(ca))
    if (isDue(key.certificate, issuing)) await renewDelegated(which, issuing, key, parts);
  await renewTls(ca, parts);
  return nextLook(readCertificationAuthority(await parts.store.load()), parts);
}

/** CMC answers are signed under the active keys; the status of certificates is answered as long as any of a key can be valid. */
function delegatedInUse(ca: CertificationAuthority) {
  const now = new Date();
  return issuingKeysOf(ca)
    .filter(({ chain }) => endOfChain(chain) > now)
    .flatMap((issuing) =>
      delegations.flatMap((which) => {
        const key = issuing.delegated[which];
        return key && (which === 'ocsp' || issuing.state === 'active')
          ? [{ issuing, which, key }]
          : [];
      }),
    );
}

function isDue(certificate: Certificate, issuing: IssuingKey): boolean {
  return dueAt(certificate, issuing) <= Date.now();
}

function dueAt(certificate: Certificate, { chain }: IssuingKey): number {
  return renewalDue(certificate, endOfChain(chain));
}

function nextLook(ca: CertificationAuthority, { config }: RenewalParts): number {
  const tls = ownTls(ca, config.directory);
  const due = [
    ...delegatedInUse(ca).map(({ key, issuing }) => dueAt(key.certificate, issuing)),
    ...(tls ? [dueAt(tls.certificate, tls.issuing)] : []),
  ];
  const wait = Math.min(...due.map((each) => each - Date.now()), longestWaitMs);
  return Math.max(wait, 1000);
}

/** The same key, in a certificate of its own. */
async function renewDelegated(
  which: DelegationName,
  issuing: IssuingKey,
  { publicKey }: DelegatedKey,
  parts: RenewalParts,
): Promise<void> {
  const profiles = await readActiveProfiles(parts.profiles, parts.config);
  const plan = delegatedPlan(which, issuing.chain.issuing, publicKey, actor, profiles);
  const { certificate, serialNumber, notAfter } = await authorityOf(issuing, parts).issue(plan);
  const { version, state } = await parts.store.load();
  const next = changeIssuingKey(state, issuing.issuer, issuing.generation, (key) => {
    const old = key.delegated[which];
    if (!old) return key;
    const renewed = { ...old, certificate: Buffer.from(certificate).toString('base64') };
    return { ...key, delegated: { ...key.delegated, [which]: renewed } };
  });
  const saved = await parts.store.save(version, next, {
    at: new Date(),
    by: actor,
    action: `ca.${which}-certificate-renewed`,
    object: issuing.issuer,
    details: { serialNumber },
  });
  // Where the CA was changed at the same moment, the next look is soon.
  if (saved)
    parts.logger.info(
      { issuer: issuing.issuer, which, serialNumber, notAfter },
      'a certificate of the server itself is renewed',
    );
}

/** The TLS certificate, and the key of ours that issued it; undefined where another CA did. */
function ownTls(
  ca: CertificationAuthority,
  directory: string,
): { readonly certificate: Certificate; readonly issuing: IssuingKey } | undefined {
  const certificate = readCertificate(readPem(dataPaths(directory).serverChain));
  const issuing = issuingKeyOf(ca, certificate);
  return issuing && { certificate, issuing };
}

/** Over the same key, which stays in its file: only the certificate is replaced, at once. */
async function renewTls(ca: CertificationAuthority, parts: RenewalParts): Promise<void> {
  const { directory } = parts.config;
  const own = ownTls(ca, directory);
  const active = ca.issuers.find(({ name }) => name === own?.issuing.issuer)?.active;
  if (!own || !active) return;
  const follows = own.issuing.state === 'active' || own.issuing.state === 'next';
  if (follows && !isDue(own.certificate, own.issuing)) return;
  const { serverKey, serverChain } = dataPaths(directory);
  const publicKey = createPublicKey(readFileSync(serverKey)).export({
    type: 'spki',
    format: 'der',
  });
  const profiles = await readActiveProfiles(parts.profiles, parts.config);
  const plan = tlsServerPlan(namesIn(own.certificate), publicKey, actor, profiles);
  const { certificate, serialNumber, notAfter } = await authorityOf(active, parts).issue(plan);
  writeFileSync(`${serverChain}.new`, `${toPem(certificate)}${toPem(active.chain.issuing.der)}`);
  renameSync(`${serverChain}.new`, serverChain);
  await parts.announce();
  parts.logger.info({ serialNumber, notAfter }, "the server's TLS certificate is renewed");
}

function namesIn(certificate: Certificate): string[] {
  const names = extensionOf(certificate, 'subjectAltName');
  return names ? readGeneralNames(readDer(names.value)) : [];
}

function authorityOf(
  key: IssuingKey,
  { keys, ledger, config: { serialPrefix } }: RenewalParts,
): CertificateAuthority {
  const issuer = key.chain.issuing;
  return new CertificateAuthority({
    issuer,
    signer: keys.signer(key),
    ledger,
    serialPrefix,
    ends: endOfChain(key.chain),
  });
}
