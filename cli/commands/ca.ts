import { Command } from 'commander';
import { fingerprintOf } from '../../ca/certificate.ts';
import { readDer } from '../../ca/der.ts';
import { describeName, readName } from '../../ca/distinguished-name.ts';
import { loadConfig } from '../../server/config.ts';
import { loadCaChain, toPem } from '../../server/data-directory.ts';
import { type DataOption, withJson } from '../data.ts';
import { usage } from '../exit.ts';
import { print, printFields, printJson } from '../print.ts';

export function caCommand(): Command {
  const ca = new Command('ca').description("the CA's own certificates");
  withJson(ca.command('show'))
    .description('show the root or the issuing certificate')
    .argument('[which]', 'root or issuing', 'root')
    .option('--pem', 'print it as PEM')
    .option('--fingerprint', 'print its SHA-256 fingerprint')
    .action(show);
  return ca;
}

function show(
  which: string,
  options: DataOption & { pem?: true; fingerprint?: true; json?: true },
): void {
  if (which !== 'root' && which !== 'issuing')
    throw usage(`"${which}" is neither root nor issuing.`);
  const certificate = loadCaChain(loadConfig(options.data).directory)[which];
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
    key: `${asymmetricKeyType} ${details?.namedCurve ?? details?.modulusLength}`,
    keyIdentifier: id,
    notBefore,
    notAfter,
    fingerprint,
  };
  if (options.json) printJson({ ...shown, pem: toPem(der) });
  else printFields(shown);
}
