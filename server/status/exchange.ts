import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import type { CaChain } from '../../ca/ca-chain.ts';
import type { CrlPublisher } from '../../ca/crl-publisher.ts';
import type { OcspResponder } from '../../ca/ocsp-responder.ts';

/** What the status listener answers from. */
export interface StatusParts {
  readonly chain: CaChain;
  readonly crls: Pick<CrlPublisher, 'current'>;
  /** Absent where the CA has no key for it yet. */
  readonly responder?: OcspResponder;
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
