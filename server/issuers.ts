/**
 * The issuing CAs at work in this process. The CA's state changes while the server runs; who has begun with an issuer
 * ends with it.
 */

import type { CaCertificate } from '../ca/ca-chain.ts';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import {
  type CertificationAuthority,
  type Issuer,
  type IssuingKey,
  issuingKeysOf,
} from '../ca/certification-authority.ts';
import { CrlPublisher, type CrlPublisherParts } from '../ca/crl-publisher.ts';
import type { IssuanceLedger } from '../ca/issuance-ledger.ts';
import { OcspResponder } from '../ca/ocsp-responder.ts';
import { SignerUnavailable } from '../ca/signer.ts';
import type { Group } from '../enrollment/group.ts';
import type { Issuers } from '../enrollment/issuers.ts';
import type { EstIssuer } from './est/exchange.ts';
import type { KeyConnections } from './key-connections.ts';
import { statusUrlsOf } from './status/locations.ts';

export interface IssuerSettings {
  readonly serialPrefix: number;
  /** Where relying parties reach the status listener. */
  readonly status: { readonly url: string } | undefined;
  readonly crl: Pick<CrlPublisherParts, 'validitySeconds'>;
  readonly ocsp: { readonly validitySeconds: number };
}

export interface IssuerParts extends IssuerSettings {
  readonly keys: KeyConnections;
  readonly ledger: IssuanceLedger;
  readonly crls: CrlPublisherParts['store'];
  /** Told why no new CRL could be made. */
  report(error: unknown): void;
}

/** What answers for the certificates of one key. */
export interface KeyStatus {
  readonly crls: CrlPublisher;
  /** Absent where the key has delegated it to none. */
  readonly responder?: OcspResponder;
}

interface Generation {
  readonly ca: CertificationAuthority;
  readonly byName: ReadonlyMap<string, EstIssuer>;
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

  /** @param id `CaCertificate.id` of any key that ever issued */
  status(id: string): KeyStatus | undefined {
    return this.#status.get(id);
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
    const { keys, crls: store, crl, ocsp, ledger, report, status } = this.#parts;
    const { issuing } = key.chain;
    // The newest CRL is kept there.
    const crls =
      this.#status.get(issuing.id)?.crls ??
      new CrlPublisher({ issuer: issuing, signer: keys.signer(key), store, ...crl, report });
    const { ocsp: delegated } = key.delegated;
    if (!delegated || !status) return { crls };
    const { certificate } = delegated;
    const signer = keys.signer(delegated);
    return {
      crls,
      responder: new OcspResponder({ issuer: issuing, signer, certificate, ledger, ...ocsp }),
    };
  }

  #issuer({ name, active, announced }: Issuer): [string, EstIssuer][] {
    if (!active) return [];
    const { keys, ledger, serialPrefix, status } = this.#parts;
    const { issuing } = active.chain;
    const { cmc, ocsp } = active.delegated;
    const statusUrls = statusUrlsOf(status, issuing.id, { ocsp: ocsp !== undefined });
    const authority = new CertificateAuthority({
      issuer: issuing,
      signer: keys.signer(active),
      ledger,
      serialPrefix,
      ...(statusUrls ? { statusUrls } : {}),
    });
    const { crls } = this.#status.get(issuing.id) ?? this.#statusOf(active);
    const cmcSigner = cmc && { signer: keys.signer(cmc), certificate: cmc.certificate.der };
    return [[name, { name, authority, announced, crls, ...(cmcSigner ? { cmcSigner } : {}) }]];
  }
}
