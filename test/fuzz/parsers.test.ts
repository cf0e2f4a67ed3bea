/**
 * What the CA and the registration authority read of others: requests, certificates, keys, CMS.
 */

import { sign } from 'node:crypto';
import { type Certificate, CertificateError, readCertificate } from '../../ca/certificate.ts';
import { parseCertificateRequest, parseKeylessRequest } from '../../ca/certificate-request.ts';
import { CrlMismatch, checkCrl } from '../../ca/check-crl.ts';
import { ClientCertificateValidator } from '../../ca/client-certificate.ts';
import { derOf, octetsOf, readBer } from '../../ca/cms/ber.ts';
import {
  identifiesCertificate,
  readCertificateIdentifier,
} from '../../ca/cms/certificate-identifier.ts';
import { readSignedData, verifySigner } from '../../ca/cms/read-signed-data.ts';
import { readRecipientKey } from '../../ca/cms/recipient-key.ts';
import { readSmimeCapabilities } from '../../ca/cms/smime-capabilities.ts';
import { CrlEntries, composeCrl } from '../../ca/crl.ts';
import { DerError, encodeBitString, readDer } from '../../ca/der.ts';
import { readPublicKey } from '../../ca/key-rules.ts';
import { malformed, Refusal } from '../../ca/refusal.ts';
import { readPssParameters } from '../../ca/rsassa-pss.ts';
import { signStructure } from '../../ca/sign-structure.ts';
import { DeviceKeySecrets, type DeviceKeys, recipientOf } from '../../enrollment/device-keys.ts';
import { namedKeyIn, protectionFor } from '../../enrollment/key-protection.ts';
import { forgeCertificate } from '../support/forged-certificate.ts';
import {
  algorithms,
  commonName,
  extension,
  keyPairs,
  octetString,
  sequence,
} from '../support/forged-request.ts';
import { forgeSignedData, someContent } from '../support/forged-signed-data.ts';
import { makeSoftwareCa } from '../support/software-ca.ts';
import { elementOf, nearTo, parser, readOrRefused } from './read-or-refused.ts';
import {
  capabilities,
  certificates,
  cmcMessages,
  everything,
  pssParameters,
  publicKeys,
  requestInfos,
  requests,
} from './seeds.ts';

const { issuing, signer } = await makeSoftwareCa();
const validator = new ClientCertificateValidator({ certificates: [issuing] });
const anyKey = readPublicKey(
  readDer(keyPairs['P-256'].publicKey.export({ type: 'spki', format: 'der' })),
);

/** Signed again, so that what is inside is looked at, and with it the key and the names. */
const signedAgain = (info: Buffer): Uint8Array =>
  sequence(
    info,
    algorithms['P-256'],
    encodeBitString(sign('sha256', info, keyPairs['P-256'].privateKey)),
  );

const authorityKeyIdentifier = extension(
  '2.5.29.35',
  sequence(Buffer.concat([Buffer.of(0x80, issuing.keyIdentifier.length), issuing.keyIdentifier])),
);
const ours = Buffer.from(
  await forgeCertificate({
    issuer: issuing.subject,
    signer,
    extensions: [authorityKeyIdentifier, extension('2.5.29.14', octetString(Buffer.from('id')))],
  }),
);
const issuedByUs = readDer(ours).children[0]?.bytes ?? ours;

/** A registry of keys in which every name is found, with a key of each kind. */
const secrets = new DeviceKeySecrets(Buffer.from('pepper'));
const registered: Pick<DeviceKeys, 'find'> & Partial<DeviceKeys> = {
  find: async (device, id) => {
    const shared = { device, id, kind: 'shared-key' as const, createdAt: new Date() };
    if (id.startsWith('73')) return { ...shared, material: secrets.seal(Buffer.alloc(16), shared) };
    const material = certificates[0] ?? Buffer.alloc(0);
    return { ...shared, kind: 'certificate', material };
  },
};

const revoked = ['01', '0203', '04'].map((serialNumber, i) => ({
  serialNumber,
  revokedAt: new Date(1_700_000_000_000 + i),
  reason: (['unspecified', 'keyCompromise', 'superseded'] as const)[i] ?? 'unspecified',
}));
const statement = {
  number: 300,
  thisUpdate: new Date(1_800_000_000_000),
  nextUpdate: new Date(1_800_086_400_000),
};
const entries = new CrlEntries();
entries.add(revoked);
const listed = composeCrl(statement, entries, issuing, signer.algorithm);
const crl = Buffer.from(await signStructure(Buffer.concat(listed), signer));
const meaning = entries.meaning();

/** What is no certificate, or no DER at all. */
const notRead = [DerError, CertificateError];

function readBerDeeply(message: Uint8Array): void {
  const outer = readBer(message);
  for (const element of [outer, ...outer.children]) {
    for (const read of [octetsOf, derOf])
      try {
        read(element);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
  }
}

readOrRefused(
  {
    'certificate requests': parser(nearTo(requests), parseCertificateRequest),
    'certificate requests with a good signature': parser(nearTo(requestInfos), (info) =>
      parseCertificateRequest(signedAgain(info)),
    ),
    'requests for a key to be made': parser(nearTo(requests), async (der) => {
      const request = parseKeylessRequest(der);
      const named = namedKeyIn(request);
      const parts = { deviceKeys: registered as DeviceKeys, deviceKeySecrets: secrets };
      if (named) await protectionFor(named, 'device-1', request, parts);
    }),
    certificates: parser(nearTo([...everything, ours]), readCertificate, notRead),
    'client certificates': parser(
      nearTo([ours, ...certificates]),
      (der) => validator.validate(der, new Date()),
      [],
    ),
    'certificates that we signed': parser(
      nearTo([Buffer.from(issuedByUs)]),
      async (tbs) => validator.validate(await signStructure(tbs, signer), new Date()),
      [],
    ),
    'certificates to encrypt for': parser(
      nearTo(certificates),
      (material) =>
        recipientOf({ device: 'device-1', id: '01', kind: 'certificate', material }, secrets),
      [...notRead, Refusal],
    ),
    'public keys': parser(nearTo(publicKeys), (der) => readPublicKey(elementOf(der))),
    'public keys to encrypt with': parser(nearTo(publicKeys), readRecipientKey),
    'parameters of RSASSA-PSS': parser(nearTo(pssParameters), (der) =>
      readPssParameters(elementOf(der), malformed),
    ),
    'lists of S/MIME capabilities': parser(nearTo(capabilities), (der) =>
      readSmimeCapabilities(elementOf(der)),
    ),
    'messages in BER': parser(nearTo(everything), readBerDeeply),
    'signed messages': parser(
      nearTo([Buffer.from(forgeSignedData()), ...cmcMessages]),
      async (message) => {
        const signedData = readSignedData(message);
        for (const info of signedData.signerInfos) await verifySigner(signedData, info, anyKey);
      },
    ),
    'certificates beside a signature': parser(nearTo(certificates), (der) => {
      const certificate = readableOnly(der);
      const identifier = { kind: 'subjectKeyIdentifier', keyIdentifier: someContent } as const;
      if (certificate) identifiesCertificate(identifier, certificate);
    }),
    'names of certificates': parser(
      nearTo([
        Buffer.from(sequence(commonName('issuer'), Buffer.of(2, 1, 1))),
        Buffer.of(0x80, 1, 1),
      ]),
      (der) => readCertificateIdentifier(elementOf(der)),
    ),
    'CRLs that we signed': parser(
      nearTo([crl]),
      (der) => checkCrl(der, statement, meaning, issuing),
      [CrlMismatch, ...notRead],
    ),
  },
  0.25,
);

/** The certificate, where it is one: what it says is another question. */
function readableOnly(der: Uint8Array): Certificate | undefined {
  try {
    return readCertificate(der);
  } catch (error) {
    if (notRead.some((kind) => error instanceof kind)) return undefined;
    throw error;
  }
}
