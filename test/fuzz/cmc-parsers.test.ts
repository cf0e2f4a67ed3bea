/**
 * Full PKI Requests, as far as they are read before it is known who sent them.
 */

import { sign } from 'node:crypto';
import fc from 'fast-check';
import { parseCertificateRequestMessage } from '../../ca/certificate-request-message.ts';
import { readSignedData } from '../../ca/cms/read-signed-data.ts';
import { encode, encodeBitString, readDer } from '../../ca/der.ts';
import { readControls, readEcho } from '../../server/est/cmc/controls.ts';
import { PendTokens } from '../../server/est/cmc/pend-token.ts';
import { readPkiData } from '../../server/est/cmc/pki-data.ts';
import { PopChallenges } from '../../server/est/cmc/pop-challenge.ts';
import { readRequests } from '../../server/est/cmc/read-requests.ts';
import { readRevokeRequest } from '../../server/est/cmc/revoke-request.ts';
import { isAcceptedWitness, isWitnessOf, readWitness } from '../../server/est/cmc/shared-secret.ts';
import { readStatusInfo } from '../../server/est/cmc/status-info.ts';
import { keyIdentifierIn } from '../../server/est/cmc/subject-key-identifier.ts';
import { algorithms, commonName, keyPairs, sequence } from '../support/forged-request.ts';
import { elementOf, nearTo, parser, readOrRefused } from './read-or-refused.ts';
import { cmcMessages, controlValues, crmfRequests, pkiData } from './seeds.ts';

const issuer = commonName('Test CA');
const popChallenges = new PopChallenges(Buffer.from('pepper'));
const pendTokens = new PendTokens(Buffer.from('pepper'));

/** @param content of the message, PKIData */
async function readContent(content: Uint8Array): Promise<void> {
  const { controls, requests: tagged, requestSequence } = readPkiData(content);
  readEcho(controls);
  const { identityProof, decryptedPops, queries } = readControls(controls);
  if (identityProof && isAcceptedWitness(identityProof))
    isWitnessOf(identityProof, 'secret', requestSequence);
  const requests = await readRequests(tagged, issuer);
  for (const each of requests) {
    keyIdentifierIn(each.request);
    for (const pop of decryptedPops) popChallenges.isAnswer(pop, each, 'device-1', new Date());
  }
  for (const { pendToken } of queries) pendTokens.open(pendToken);
}

/** CertRequest, signed again where its tag says so. */
async function readCrmf(certRequest: Buffer): Promise<void> {
  const signature = encodeBitString(sign('sha256', certRequest, keyPairs['P-256'].privateKey));
  const proof = encode(0xa1, algorithms['P-256'], signature);
  const { children } = elementOf(sequence(certRequest, proof));
  await parseCertificateRequestMessage(children, issuer);
}

readOrRefused(
  {
    'Full PKI Requests': parser(nearTo(cmcMessages), (message) =>
      readContent(readSignedData(message).content),
    ),
    'contents of Full PKI Requests': parser(nearTo(pkiData), readContent),
    'CRMF requests': parser(nearTo(crmfRequests), (der) =>
      parseCertificateRequestMessage(elementOf(der).children, issuer),
    ),
    'CRMF requests with a good signature': parser(
      nearTo(crmfRequests.map((der) => Buffer.from(readDer(der).children[0]?.bytes ?? der))),
      readCrmf,
    ),
    'values of controls': parser(
      fc.tuple(
        nearTo(controlValues),
        fc.constantFrom(readRevokeRequest, readWitness, readStatusInfo),
      ),
      ([der, read]) => read(elementOf(der)),
    ),
    'tokens of pending requests': parser(
      nearTo([
        Buffer.from(
          pendTokens.make(
            {
              tagged: readPkiData(pkiData[0] ?? Buffer.alloc(0)).requests[0] ?? fail(),
              possession: 'by-signature',
              linking: 'absent',
              credential: { kind: 'one-time-password', id: 'otp-1' },
            },
            new Date(),
          ).token,
        ),
      ]),
      (token) => pendTokens.open(token),
    ),
  },
  0.15,
);

function fail(): never {
  throw new Error('The seed has no request.');
}
