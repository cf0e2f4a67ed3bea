/**
 * /serverkeygen (RFC 7030 section 4.4): a key pair made here, and a certificate for it. The private key leaves in the answer
 * and is stored nowhere. Whatever can be refused is refused before it is made, and it is ready to go before anything is
 * spent: nothing is left then but to sign the certificate.
 */

import { readCertificate } from '../ca/certificate.ts';
import { type Issued, requestDigestOf } from '../ca/certificate-authority.ts';
import type { CertificatePlan, Credential, KeylessPlan } from '../ca/certificate-plan.ts';
import { digestOf, type RequestContent } from '../ca/certificate-request.ts';
import { readDer, sameBytes } from '../ca/der.ts';
import { readPublicKey } from '../ca/key-rules.ts';
import { Refusal } from '../ca/refusal.ts';
import { admitKeyless, type EnrollmentParts } from './admit.ts';
import type { DeliveredAnswers, DeliveredKey } from './delivered-answers.ts';
import type { Group } from './group.ts';
import type { KeyGenerator } from './key-generator.ts';
import { packKey } from './key-package.ts';
import {
  type KeyProtection,
  type KeyProtectionParts,
  type NamedKey,
  namedKeyIn,
  protectionFor,
} from './key-protection.ts';
import { decideKeyGeneration, type KeylessOrder } from './policy.ts';
import type { EnrollmentRefusalCode } from './refusal.ts';

export interface KeyGenerationParts extends EnrollmentParts, KeyProtectionParts {
  readonly keyGenerators: { readonly platform: KeyGenerator; readonly token?: KeyGenerator };
  readonly deliveredAnswers: DeliveredAnswers;
}

/**
 * A request whose key stands for the one that is to be made. On record it is another request than the same octets that ask
 * to certify the key in them: neither repeats the other.
 */
export function asKeyless(request: RequestContent): RequestContent {
  const publicKeyDigest = digestOf(Buffer.from(`instead of ${request.publicKeyDigest}`));
  return { ...request, publicKeyDigest };
}

export interface IssuedWithKey {
  readonly issued: Issued;
  readonly key: DeliveredKey;
}

/** @throws Refusal, SignerUnavailable, and Unavailable when no key can be made in time */
export async function generateKey(
  order: KeylessOrder<'serverkeygen'>,
  parts: KeyGenerationParts,
): Promise<IssuedWithKey> {
  const { request } = order;
  const { caller } = order.authorized;
  const generator = generatorFor(caller.group, parts);
  const plan = decideKeyGeneration(order);
  const named = namedKeyIn(request);
  const protection = await requireProtection(named, order, parts);
  try {
    const repetitionOf = answerName(plan, named);
    const issued = await admitKeyless(plan, order, parts, async () => {
      const [key = await makeKey()] = parts.deliveredAnswers.find(repetitionOf);
      return withKey(plan, key);
    });
    return { issued, key: keyOf(issued, parts.deliveredAnswers.find(repetitionOf), plan) };

    async function makeKey(): Promise<DeliveredKey> {
      if (caller.spentOn !== undefined) throw keyGone(plan.credential);
      const generated = await generator.generate(caller.group.settings.serverKeyType);
      const packed = await packKey(generated, protection, parts.issuers.of(caller.group));
      await parts.deliveredAnswers.keep(repetitionOf, packed);
      return packed;
    }
  } finally {
    if (protection.kind === 'enveloped' && protection.recipient.kind === 'shared-key')
      protection.recipient.key.fill(0);
  }
}

function refused(code: EnrollmentRefusalCode, message: string): Refusal<EnrollmentRefusalCode> {
  return new Refusal(code, message);
}

function generatorFor(
  { label, settings: { serverKeys } }: Group,
  { keyGenerators }: KeyGenerationParts,
): KeyGenerator {
  if (serverKeys === 'off')
    throw refused(
      'key-generation-not-allowed',
      `Devices of the group ${label} make their keys themselves: use /simpleenroll.`,
    );
  const generator = keyGenerators[serverKeys];
  if (!generator) throw refused('not-set-up', 'The token of this server makes no keys.');
  return generator;
}

async function requireProtection(
  named: NamedKey | undefined,
  { authorized: { caller }, request }: KeylessOrder,
  parts: KeyGenerationParts,
): Promise<KeyProtection> {
  const { label, settings } = caller.group;
  if (!named) {
    if (settings.serverKeyDelivery === 'plain-allowed') return { kind: 'tls-alone' };
    throw refused(
      'encryption-required',
      `The group ${label} sends private keys encrypted only: name the key to encrypt with in decryptKeyIdentifier or asymmetricDecryptKeyIdentifier, with smimeCapabilities (RFC 7030 section 4.4.1).`,
    );
  }
  if (!parts.issuers.of(caller.group).cmcSigner)
    throw refused(
      'not-set-up',
      'This server has no key yet to sign packages of private keys with; its operator makes one with `bestow ca cmc-key`.',
    );
  return protectionFor(named, caller.device.id, request, parts);
}

/** One credential, one request, one way of protection. */
function answerName(plan: KeylessPlan, named: NamedKey | undefined): string {
  const { kind, id } = plan.credential;
  const protection = named ? [named.attribute, named.id] : [];
  return digestOf(Buffer.from([kind, id, requestDigestOf(plan), ...protection].join(' ')));
}

function withKey(plan: KeylessPlan, { publicKey }: DeliveredKey): CertificatePlan {
  return { ...plan, publicKey: readPublicKey(readDer(publicKey)) };
}

/** The key of the certificate: of another request that came at the same time, if the ledger has heard that one first. */
function keyOf(
  { certificate }: Issued,
  kept: readonly DeliveredKey[],
  { credential }: KeylessPlan,
): DeliveredKey {
  const { subjectPublicKeyInfo } = readCertificate(certificate);
  const key = kept.find(({ publicKey }) => sameBytes(publicKey, subjectPublicKeyInfo));
  if (!key) throw keyGone(credential);
  return key;
}

function keyGone({ kind }: Credential): Refusal<EnrollmentRefusalCode> {
  const [before, again] =
    kind === 'one-time-password'
      ? ['A key was made for this one-time password', 'a new one-time password is needed.']
      : ['This request was carried out', 'ask again with another key in the request.'];
  return refused(
    'generated-key-gone',
    `${before} before: the certificate is on record, but the private key is kept nowhere and is gone for good; ${again}`,
  );
}
