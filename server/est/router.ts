/**
 * The EST operations as a table: the method, what the body must be, what it does.
 */

import { Router } from 'express';
import type { Group } from '../../enrollment/group.ts';
import { bodyReader, requireMediaType, requireMethod } from '../read-request.ts';
import { distributeCaCertificates } from './ca-certificates.ts';
import { distributeCrls } from './crls.ts';
import { announceAttributes } from './csr-attributes.ts';
import { distributeEeCertificates } from './ee-certificates.ts';
import { simpleEnroll, simpleReenroll } from './enrollment.ts';
import type { EstExchange, EstParts } from './exchange.ts';
import { fullCmc } from './full-cmc.ts';
import { locatePackages } from './package-availability-list.ts';
import { readEstPath } from './path.ts';
import { refuse } from './refusals.ts';
import { generateKeyOnServer, offersKeyGeneration } from './server-key-generation.ts';

declare global {
  namespace Express {
    interface Locals {
      /** That of the label; the challenge of a 401 is by it. */
      group?: Group;
    }
  }
}

interface Operation {
  readonly method: 'GET' | 'POST';
  /** Media type of the request body. */
  readonly reads?: string;
  /** Whether it is here at all; where it is not, its path is none. */
  offered?(parts: EstParts, group: Group | undefined): Promise<boolean>;
  does(exchange: EstExchange): Promise<void> | void;
}

/** RFC 7030 figure 5, RFC 8295 section 1.5. */
const operations: Readonly<Record<string, Operation>> = {
  cacerts: { method: 'GET', does: distributeCaCertificates },
  simpleenroll: { method: 'POST', reads: 'application/pkcs10', does: simpleEnroll },
  simplereenroll: { method: 'POST', reads: 'application/pkcs10', does: simpleReenroll },
  fullcmc: { method: 'POST', reads: 'application/pkcs7-mime', does: fullCmc },
  serverkeygen: {
    method: 'POST',
    reads: 'application/pkcs10',
    offered: offersKeyGeneration,
    does: generateKeyOnServer,
  },
  csrattrs: { method: 'GET', does: announceAttributes },
  pal: { method: 'GET', does: locatePackages },
  eecerts: { method: 'GET', does: distributeEeCertificates },
  crls: { method: 'GET', does: distributeCrls },
};

/** RFC 7030 has no compression. */
const readBody = bodyReader(64 * 1024);

export function estRouter(parts: EstParts): Router {
  const router = Router();
  router.use(async (request, response) => {
    const path = readEstPath(request.originalUrl);
    const operation = path && operationNamed(path.operation);
    if (!path || !operation) throw nothingHere();
    const group = path.label === undefined ? undefined : await requireGroup(path.label, parts);
    if (group) response.locals.group = group;
    if (operation.offered && !(await operation.offered(parts, group))) throw nothingHere();
    requireMethod(request, response, operation.method === 'GET' ? ['GET', 'HEAD'] : ['POST']);
    if (operation.reads !== undefined) {
      requireMediaType(request, operation.reads);
      await readBody(request);
    }
    await operation.does({
      request,
      response,
      parts,
      requestId: response.locals.requestId,
      ...(group ? { group } : {}),
      note: (fields) => Object.assign(response.locals.log, fields),
    });
  });
  return router;
}

function nothingHere() {
  return refuse('unknown-path', 'There is no EST operation at this path.');
}

function operationNamed(name: string): Operation | undefined {
  return Object.hasOwn(operations, name) ? operations[name] : undefined;
}

async function requireGroup(label: string, { tenants }: EstParts): Promise<Group> {
  const group = await tenants.groupOf(label);
  if (!group) throw refuse('unknown-label', 'There is nothing under this label.');
  return group;
}
