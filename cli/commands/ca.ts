import { mkdirSync } from 'node:fs';
import { Command } from 'commander';
import { type DelegationName, defaultIssuer } from '../../ca/ca-state.ts';
import { fingerprintOf, readCertificate } from '../../ca/certificate.ts';
import { requireActive } from '../../ca/certification-authority.ts';
import { readDer } from '../../ca/der.ts';
import { describeName, readName } from '../../ca/distinguished-name.ts';
import { labelIsTaken } from '../../hsm/replace-key.ts';
import type { Config } from '../../server/config.ts';
import { dataPaths, toPem } from '../../server/data-directory.ts';
import { lockServer } from '../../server/server-lock.ts';
import { loadCa } from '../certification-authority.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { conflict, usage } from '../exit.ts';
import { delegatedLabel, makeDelegatedKey } from '../make-delegated-key.ts';
import { openCa } from '../open-ca.ts';
import { print, printFields, printJson } from '../print.ts';
import { acceptClockCommand } from './accept-clock.ts';
import { caImportCommand } from './ca-import.ts';
import { caIssuerCommand } from './ca-issuer.ts';
import { caRequestCommand } from './ca-request.ts';
import { caRolloverCommand } from './ca-rollover.ts';
import { crlCommand } from './crl.ts';

export function caCommand(): Command {
  const ca = new Command('ca').description("the CA's own certificates");
  withJson(ca.command('show'))
    .description('show the root or the issuing certificate')
    .argument('[which]', 'root or issuing', 'root')
    .option('--issuer <name>', 'of this issuer', defaultIssuer)
    .option('--pem', 'print it as PEM')
    .option('--fingerprint', 'print its SHA-256 fingerprint')
    .action(show);
  withJson(ca.command('cmc-key'))
    .description('make the key that signs CMC answers (/fullcmc) and packages of generated keys')
    .option('--replace', 'make another one in its place and revoke its certificate')
    .option('--issuer <name>', 'of this issuer', defaultIssuer)
    .action((options) => makeKeyOf('cmc', options));
  withJson(ca.command('ocsp-key'))
    .description('make the key that signs OCSP answers; its certificate lasts a year')
    .option('--replace', 'make another one in its place and revoke its certificate')
    .option('--issuer <name>', 'of this issuer', defaultIssuer)
    .action((options) => makeKeyOf('ocsp', options));
  ca.addCommand(caIssuerCommand());
  ca.addCommand(caRequestCommand());
  ca.addCommand(caImportCommand());
  ca.addCommand(caRolloverCommand());
  ca.addCommand(crlCommand());
  ca.addCommand(acceptClockCommand());
  return ca;
}

async function show(
  which: string,
  options: DataOption & { issuer: string; pem?: true; fingerprint?: true; json?: true },
): Promise<void> {
  if (which !== 'root' && which !== 'issuing')
    throw usage(`"${which}" is neither root nor issuing.`);
  const certificate = await withStores(
    options,
    async (stores) => requireActive(await loadCa(stores), options.issuer).chain[which],
  );
  const { der, subject, serialNumber, notBefore, notAfter, id, x509 } = certificate;
  const fingerprint = fingerprintOf(der);
  if (options.pem) {
    process.stdout.write(toPem(der));
    return;
  }
  if (options.fingerprint && !options.json) {
    print(fingerprint);
    return;
  }
  const { asymmetricKeyType, asymmetricKeyDetails: details } = x509.publicKey;
  const shown = {
    subject: describeName(readName(readDer(subject))),
    serialNumber,
    // Some kinds have neither curve nor length to choose.
    key: [asymmetricKeyType, details?.namedCurve ?? details?.modulusLength].join(' ').trim(),
    keyIdentifier: id,
    notBefore,
    notAfter,
    fingerprint,
  };
  if (options.json) printJson({ ...shown, pem: toPem(der) });
  else printFields(shown);
}

async function makeKeyOf(
  which: DelegationName,
  options: DataOption & { issuer: string; replace?: true; json?: true },
): Promise<void> {
  const der = await withStores(options, async (stores, config) => {
    // A server that lends the old key could not start its signer again.
    const unlock = options.replace ? lock(config) : () => undefined;
    try {
      const open = await openCa(config, stores, options.issuer);
      try {
        const label = delegatedLabel(open, which);
        if (!options.replace && (open.key.delegated[which] || labelIsTaken(open.token, label)))
          throw conflict(
            `There is a key ${label} already; --replace makes another one in its place.`,
          );
        return await makeDelegatedKey(which, config, open, stores);
      } finally {
        open.close();
      }
    } finally {
      unlock();
    }
  });
  const { serialNumber, subject, notAfter } = readCertificate(der);
  const shown = {
    subject: describeName(readName(readDer(subject))),
    serialNumber,
    notAfter,
    fingerprint: fingerprintOf(der),
  };
  if (options.json) printJson({ ...shown, pem: toPem(der) });
  else {
    printFields(shown);
    if (!options.replace) print('A server that is running uses it within seconds.');
  }
}

function lock({ directory }: Config): () => void {
  const { run, serverLock } = dataPaths(directory);
  mkdirSync(run, { recursive: true, mode: 0o700 });
  return lockServer(serverLock);
}
