/**
 * What the fuzzers start from: published examples, messages of other implementations, and some put together here for what
 * those lack.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { readSignedData } from '../../ca/cms/read-signed-data.ts';
import { encode, readDer, tags } from '../../ca/der.ts';
import { encodeGeneralNames } from '../../ca/general-names.ts';
import { dotted, oid } from '../../ca/object-identifiers.ts';
import { pssAlgorithmIdentifier } from '../../ca/rsassa-pss.ts';
import { readPkiData } from '../../server/est/cmc/pki-data.ts';
import { forgeCertificate } from '../support/forged-certificate.ts';
import { forgePkiData } from '../support/forged-pki-data.ts';
import {
  attribute,
  commonName,
  dns,
  extension,
  extensionRequest,
  forgeRequest,
  keyPairs,
  octetString,
  sequence,
  spkiOf,
  text,
} from '../support/forged-request.ts';
import { forgeSignedData } from '../support/forged-signed-data.ts';
import { readVector, vectorNames } from '../support/vectors.ts';

const directory = new URL('./seeds/', import.meta.url);
const files = readdirSync(directory).filter((file) => file.endsWith('.b64.txt'));

/** The seeds (test/fuzz/seeds/README.md) whose names begin so. */
const readSeeds = (prefix: string): Buffer[] =>
  files
    .filter((file) => file.startsWith(prefix))
    .map((file) => Buffer.from(readFileSync(new URL(file, directory), 'latin1'), 'base64'));

const vectors = (pattern: RegExp) =>
  vectorNames.filter((name) => pattern.test(name)).map(readVector);

const capability = (name: keyof typeof oid, ...parameters: Uint8Array[]) =>
  sequence(oid[name], ...parameters);
const smimeCapabilities = sequence(
  capability('id-aes256-wrap'),
  capability('aes256-CBC'),
  capability('dhSinglePass-stdDH-sha256kdf-scheme', sequence(oid['id-aes128-wrap'])),
  capability('aes128-CBC'),
);

/** Every attribute that is read, in the requests that may have it. */
export const requestAttributes = {
  challenges: [
    attribute(dotted.challengePassword, text(tags.utf8String, 'a secret of the request')),
    attribute(dotted.revocationChallenge, text(tags.utf8String, 'another secret')),
  ],
  names: [
    extensionRequest(
      extension(
        dotted.subjectAltName,
        encodeGeneralNames(['DNS:a.example', 'IP:192.0.2.1', 'URI:urn:x', 'email:a@b.example']),
      ),
      extension(dotted.keyUsage, encode(tags.bitString, Uint8Array.of(7, 0x80))),
    ),
  ],
  change: [
    attribute(
      dotted.changeSubjectName,
      sequence(commonName('device-1'), sequence(dns('a.example'))),
    ),
  ],
  symmetricKey: [
    attribute(dotted.decryptKeyIdentifier, octetString(Buffer.from('shared'))),
    attribute(dotted.smimeCapabilities, smimeCapabilities),
  ],
  publicKey: [
    attribute(dotted.asymmetricDecryptKeyIdentifier, octetString(Buffer.from('certified'))),
    attribute(dotted.smimeCapabilities, smimeCapabilities),
  ],
} as const;

/** CertificationRequest. */
export const requests: readonly Buffer[] = [
  ...Object.keys(keyPairs).map((key) => forgeRequest({ key: key as keyof typeof keyPairs })),
  ...Object.values(requestAttributes).map((attributes) => forgeRequest({ attributes })),
  ...readSeeds('openssl-request'),
  ...vectors(/csr|Request|otp/i),
].map((der) => Buffer.from(der));

/** CertificationRequestInfo, to be signed anew. */
export const requestInfos: readonly Buffer[] = requests.map((der) => {
  const [info] = readDer(der).children;
  return Buffer.from(info?.bytes ?? der);
});

/** Full PKI Requests. */
export const cmcMessages: readonly Buffer[] = [
  Buffer.from(forgeSignedData({ content: forgePkiData(forgeSignedData()) })),
  ...readSeeds('bc-cmc'),
  ...readSeeds('openssl-cms'),
  readVector('rfc6402-PKIData.b64'),
];

/** Their contents, PKIData. */
export const pkiData: readonly Buffer[] = cmcMessages.map((message) =>
  Buffer.from(readSignedData(message).content),
);

/** CertReqMsg, DER. */
export const crmfRequests: readonly Buffer[] = pkiData.flatMap((content) =>
  readPkiData(content)
    .requests.filter(({ format }) => format === 'crmf')
    .map(({ parts }) => Buffer.from(sequence(...parts.map(({ bytes }) => bytes)))),
);

/** Values of every control. */
export const controlValues: readonly Buffer[] = pkiData.flatMap((content) =>
  readPkiData(content).controls.flatMap(({ values }) =>
    values.map(({ bytes }) => Buffer.from(bytes)),
  ),
);

/** Of keys for every use, some as a client authenticates with. */
export const certificates: readonly Buffer[] = [
  Buffer.from(
    await forgeCertificate({
      extensions: [
        extension(dotted.keyUsage, encode(tags.bitString, Uint8Array.of(3, 0x28))),
        extension(dotted.subjectKeyIdentifier, octetString(Buffer.from('0123456789'))),
      ],
    }),
  ),
  ...readSeeds('openssl-certificate'),
  ...vectors(/rfc8410-05|rfc9881.*crt/i),
];

export const publicKeys: readonly Buffer[] = [
  ...Object.values(keyPairs).map(({ publicKey }) => Buffer.from(spkiOf(publicKey))),
  ...vectors(/rfc8410-04|rfc9881.*pub/i),
];

export const capabilities: readonly Buffer[] = [Buffer.from(smimeCapabilities)];

/** RSASSA-PSS-params. */
export const pssParameters: readonly Buffer[] = (['sha256', 'sha384', 'sha512'] as const).map(
  (hash) => Buffer.from(readDer(pssAlgorithmIdentifier(hash)).children[1]?.bytes ?? []),
);

export const everything: readonly Buffer[] = [
  ...vectorNames.map(readVector),
  ...requests,
  ...cmcMessages,
  ...certificates,
];
