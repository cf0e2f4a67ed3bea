/**
 * The issuing CAs at work in this process. The CA's state changes while the server runs; who has begun with an issuer
 * ends with it.
 */

import { type CaCertificate, endOfChain } from '../ca/ca-chain.ts';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import {
  type CertificationAuthority,
  type Issuer,
  type IssuingKey,
  issuingKeysOf,
} from '../ca/certification-authority.ts';
import type { CrlMaker } from '../ca/crl-maker.ts';
import { CrlPublisher, type CrlPublisherParts } from '../ca/crl-publisher.ts';
import type { CrlRecord } from '../ca/crl-store.ts';
import type { IssuanceLedger } from '../ca/issuance-ledger.ts';
import { OcspResponder } from '../ca/ocsp-responder.ts';
import { SignerUnavailable } from '../ca/signer.ts';
import type { AuthorizedIssuance } from '../enrollment/authorize.ts';
import type { Group } from '../enrollment/group.ts';
import type { Issuers } from '../enrollment/issuers.ts';
import type { EstIssuer } from './est/exchange.ts';
import type { KeyConnections } from './key-connections.ts';
import { statusUrlsOf } from './status/locations.ts';

export interface IssuerSettings {
  readonly serialPrefix: number;
  /** Where relying parties reach the status listener. */
  readonly status: { readonly url: string } | undefined;
  readonly crl: Pick<CrlPublisherParts, 'validitySeconds' | 'overlapSeconds' | 'partitions'>;
  readonly ocsp: { readonly validitySeconds: number };
}

export interface IssuerParts extends IssuerSettings {
  readonly keys: KeyConnections;
  readonly ledger: IssuanceLedger;
  readonly crls: CrlPublisherParts['store'];
  readonly crlMaker: CrlMaker;
  /** Told why no new CRL could be made. */
  report(error: unknown): void;
  /** Told of a CRL that serves on though it does not know everything. */
  behind?(crl: CrlRecord): void;
}

/** What answers for the certificates of one key. */
export interface KeyStatus {
  readonly crls: CrlPublisher;
  /** Absent where the key has delegated it to none. */
  readonly responder?: OcspResponder;
}

/** An issuer, which shows its certificate to all and issues for those alone who are authorised. */
interface IssuerAtWork extends EstIssuer {
  readonly authority: CertificateAuthority;
}

interface Generation {
  readonly ca: CertificationAuthority;
  readonly byName: ReadonlyMap<string, IssuerAtWork>;
  readonly certificates: readonly CaCertificate[];
}

export class IssuersInUse implements Issuers<EstIssuer> {
  readonly #parts: IssuerParts;
  readonly #status = new Map<string, KeyStatus>();
  #now: Generation;

  constructor(ca: CertificationAuthority, parts: IssuerParts) {
    this.#parts = parts;
    this.#now = this.#read(ca);
  }

  /** Works with that state from now on. */
  follow(ca: CertificationAuthority): void {
    this.#now = this.#read(ca);
  }

  get ca(): CertificationAuthority {
    return this.#now.ca;
  }

  get certificates(): readonly CaCertificate[] {
    return this.#now.certificates;
  }

  of(group: Pick<Group, 'label' | 'settings'> | undefined): EstIssuer {
    const { ca, byName } = this.#now;
    const name = group?.settings.issuer ?? ca.issuers[0]?.name ?? '';
    const issuer = byName.get(name);
    if (!issuer)
      throw new SignerUnavailable(
        `The issuer "${name}"${group ? ` of the group ${group.label}` : ''} issues nothing: it has no certificate yet, or there is none of that name.`,
      );
    return issuer;
  }

  authorityFor({ issuer: { name } }: AuthorizedIssuance): CertificateAuthority {
    const issuer = this.#now.byName.get(name);
    if (!issuer) throw new SignerUnavailable(`The issuer "${name}" issues nothing any more.`);
    return issuer.authority;
  }

  /** @param id `CaCertificate.id` of any key that ever issued */
  status(id: string): KeyStatus | undefined {
    return this.#status.get(id);
  }

  /** Of every key that can still sign for certificates that are valid. */
  get publishers(): CrlPublisher[] {
    const now = new Date();
    return this.certificates
      .filter(({ notAfter }) => notAfter > now)
      .flatMap(({ id }) => this.#status.get(id)?.crls ?? []);
  }

  /** Makes all scopes of CRLs known; to be called before anything is issued. */
  async openCrls(): Promise<void> {
    for (const publisher of this.publishers) await publisher.open();
  }

  /** Every certificate of the CA that somebody may look for. */
  get announced(): CaCertificate[] {
    const { ca, certificates } = this.#now;
    return [...ca.issuers.flatMap(({ announced }) => announced), ...certificates];
  }

  get responders(): OcspResponder[] {
    return [...this.#status.values()].flatMap(({ responder }) => (responder ? [responder] : []));
  }

  #read(ca: CertificationAuthority): Generation {
    const keys = issuingKeysOf(ca);
    for (const key of keys) this.#status.set(key.chain.issuing.id, this.#statusOf(key));
    return {
      ca,
      byName: new Map(ca.issuers.flatMap((issuer) => this.#issuer(issuer))),
      certificates: keys.map(({ chain }) => chain.issuing),
    };
  }

  #statusOf(key: IssuingKey): KeyStatus {
    const { keys, ocsp, ledger, status } = this.#parts;
    const { issuing } = key.chain;
    // The newest CRL is kept there.
    const crls = this.#status.get(issuing.id)?.crls ?? this.#publisherOf(key);
    const { ocsp: delegated } = key.delegated;
    if (!delegated || !status) return { crls };
    const { certificate } = delegated;
    const signer = keys.signer(delegated);
    return {
      crls,
      responder: new OcspResponder({ issuer: issuing, signer, certificate, ledger, ...ocsp }),
    };
  }

  #publisherOf(key: IssuingKey): CrlPublisher {
    const { keys, crls: store, crlMaker: maker, crl, status, report, behind } = this.#parts;
    const { issuing } = key.chain;
    const url = statusUrlsOf(status, issuing.id, { ocsp: false })?.crl;
    return new CrlPublisher({
      issuer: issuing,
      signer: keys.signer(key),
      store,
      maker,
      ...crl,
      ...(url === undefined ? {} : { url }),
      report,
      ...(behind ? { behind } : {}),
    });
  }

  #issuer({ name, tenant, active, announced }: Issuer): [string, IssuerAtWork][] {
    if (!active) return [];
    const { keys, ledger, serialPrefix, status, crl } = this.#parts;
    const { issuing } = active.chain;
    const { cmc, ocsp } = active.delegated;
    const statusUrls = statusUrlsOf(status, issuing.id, { ocsp: ocsp !== undefined });
    const authority = new CertificateAuthority({
      issuer: issuing,
      signer: keys.signer(active),
      ledger,
      serialPrefix,
      ends: endOfChain(active.chain),
      ...(statusUrls ? { statusUrls } : {}),
      ...(crl.partitions === undefined ? {} : { crlPartitions: crl.partitions }),
    });
    const { crls } = this.#status.get(issuing.id) ?? this.#statusOf(active);
    const cmcSigner = cmc && { signer: keys.signer(cmc), certificate: cmc.certificate.der };
    const owned = { ...(tenant === undefined ? {} : { tenant }) };
    return [
      [name, { name, ...owned, authority, announced, crls, ...(cmcSigner ? { cmcSigner } : {}) }],
    ];
  }
}
