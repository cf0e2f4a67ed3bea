import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import type { CaCertificate } from '../../ca/ca-chain.ts';
import type { CrlPublisher } from '../../ca/crl-publisher.ts';
import type { OcspResponder } from '../../ca/ocsp-responder.ts';

/** What the status listener answers from; it changes with the CA. */
export interface StatusSources {
  /** The CRLs of a key, by the `CaCertificate.id` of its issuer. */
  crls(id: string): Pick<CrlPublisher, 'current' | 'has'> | undefined;
  /** A certificate of the CA, by its `CaCertificate.id`. */
  certificate(id: string): CaCertificate | undefined;
  /** One for each key that has delegated OCSP. */
  readonly responders: readonly OcspResponder[];
}

export interface StatusParts extends StatusSources {
  readonly logger: Logger;
}

/** A request that has found its operation. */
export interface StatusExchange {
  readonly request: Request;
  readonly response: Response;
  readonly parts: StatusParts;
  readonly requestId: string;
  /** Adds to the request's line in the log. */
  note(fields: Readonly<Record<string, unknown>>): void;
}
