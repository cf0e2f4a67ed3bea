/**
 * Answers OCSP requests from the ledger: what was revoked before the question is revoked in the answer.
 */

import { hash } from 'node:crypto';
import type { CaCertificate } from './ca-chain.ts';
import { wholeSecond } from './crl.ts';
import { sameBytes } from './der.ts';
import type { IssuanceLedger, IssuanceRecord } from './issuance-ledger.ts';
import type { OcspCertificate } from './ocsp-certificate.ts';
import type { CertificateId, CertificateIdHash, OcspRequest } from './ocsp-request.ts';
import {
  type CertificateStatus,
  encodeStatus,
  type OcspStatement,
  signOcspResponse,
} from './ocsp-response.ts';
import { type Signer, SignerUnavailable } from './signer.ts';
import { WorkQueue } from './work-queue.ts';

export interface OcspResponderParts {
  readonly issuer: CaCertificate;
  /** The key that signs answers, and its certificate. */
  readonly signer: Signer;
  readonly certificate: OcspCertificate;
  readonly ledger: Pick<IssuanceLedger, 'find'>;
  /** From thisUpdate to nextUpdate. */
  readonly validitySeconds: number;
  readonly clock?: () => Date;
}

export interface OcspAnswer {
  /** OCSPResponse, DER. */
  readonly der: Uint8Array;
  readonly statuses: readonly CertificateStatus['kind'][];
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
}

/** Signed answers that are kept, each of one to three kilobytes. */
const mostKept = 2000;
/** So that a flood of questions leaves the token to those who enroll. */
const signing = { work: 'signing of OCSP answers', atOnce: 4, waiting: 500, patience: 2000 };

export class OcspResponder {
  readonly #parts: OcspResponderParts;
  readonly #clock: () => Date;
  readonly #queue = new WorkQueue(signing);
  /** By what they say. The oldest comes first. */
  readonly #kept = new Map<
    string,
    { readonly until: number; readonly answer: Promise<OcspAnswer> }
  >();

  constructor(parts: OcspResponderParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? (() => new Date());
  }

  /**
   * @returns undefined where no certificate is one of this issuer: nobody would believe what this responder says of it
   * @throws Unavailable; SignatureFault; Error when the responder's certificate has expired
   */
  async answer({ certificates, nonce }: OcspRequest): Promise<OcspAnswer | undefined> {
    if (!certificates.some((id) => this.namesIssuer(id))) return undefined;
    const statements = await Promise.all(
      certificates.map(async (id) => ({ id: id.der, status: await this.#statusOf(id) })),
    );
    // Serial numbers that nobody issued are without number: their answers would drive out the others.
    const lasting = !nonce && statements.every(({ status }) => status.kind !== 'unknown');
    return lasting ? this.#keptOrSigned(statements) : this.#sign(statements, nonce);
  }

  /** Whether the certificate is, or could be, one of this issuer. */
  namesIssuer({ hash: name, issuerNameHash, issuerKeyHash }: CertificateId): boolean {
    if (!name) return false;
    const { subject, subjectPublicKey } = this.#parts.issuer;
    return (
      sameBytes(issuerNameHash, digest(name, subject)) &&
      sameBytes(issuerKeyHash, digest(name, subjectPublicKey))
    );
  }

  async #statusOf(id: CertificateId): Promise<CertificateStatus> {
    if (!this.namesIssuer(id)) return { kind: 'unknown' };
    const { ledger, issuer } = this.#parts;
    return statusIn(await ledger.find(issuer.id, id.serialNumber));
  }

  /** The status was looked up for this question, so an answer that was signed before and says the same will do. */
  #keptOrSigned(statements: OcspStatement['certificates']): Promise<OcspAnswer> {
    const key = Buffer.concat(
      statements.flatMap(({ id, status }) => [id, encodeStatus(status)]),
    ).toString('latin1');
    const now = this.#clock().getTime();
    const kept = this.#kept.get(key);
    if (kept && now < kept.until) return kept.answer;
    const answer = this.#sign(statements);
    this.#kept.delete(key);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < mostKept) break;
      this.#kept.delete(oldest);
    }
    const { certificate, validitySeconds } = this.#parts;
    // Half of its life is left for those who keep it themselves.
    const until = Math.min(now + validitySeconds * 500, certificate.notAfter.getTime());
    this.#kept.set(key, { until, answer });
    answer.catch(() => this.#kept.delete(key));
    return answer;
  }

  async #sign(
    certificates: OcspStatement['certificates'],
    nonce?: Uint8Array,
  ): Promise<OcspAnswer> {
    const { signer, certificate, validitySeconds } = this.#parts;
    if (!signer.available)
      throw new SignerUnavailable('The OCSP key is out of reach; no answer can be signed.');
    const thisUpdate = wholeSecond(this.#clock());
    const ends = new Date(thisUpdate.getTime() + validitySeconds * 1000);
    const nextUpdate = ends < certificate.notAfter ? ends : certificate.notAfter;
    if (nextUpdate <= thisUpdate)
      throw new Error(
        'The OCSP certificate has expired; `bestow ca ocsp-key --replace` makes another one.',
      );
    const times = { producedAt: thisUpdate, thisUpdate, nextUpdate };
    const statement = { certificates, ...times, ...(nonce ? { nonce } : {}) };
    const der = await this.#queue.run(() => signOcspResponse(statement, signer, certificate));
    return { der, statuses: certificates.map(({ status }) => status.kind), thisUpdate, nextUpdate };
  }
}

/**
 * An intent that never became a certificate is not known to be one, so nobody should rely on it. One that was revoked
 * may have been signed all the same, and is on the CRL too.
 */
function statusIn(record: IssuanceRecord | undefined): CertificateStatus {
  if (record?.revokedAt)
    return {
      kind: 'revoked',
      at: record.revokedAt,
      reason: record.revocationReason ?? 'unspecified',
    };
  return { kind: record?.certificate ? 'good' : 'unknown' };
}

function digest(name: CertificateIdHash, octets: Uint8Array): Uint8Array {
  return hash(name, octets, 'buffer');
}
