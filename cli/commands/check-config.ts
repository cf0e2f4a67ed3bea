import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { Command } from 'commander';
import type { DelegatedCertificate } from '../../ca/delegated-certificate.ts';
import { caKeyOf } from '../../server/ca-key.ts';
import { type Config, loadConfig, readSecret } from '../../server/config.ts';
import {
  dataPaths,
  loadCaChain,
  loadCmcCertificate,
  loadOcspCertificate,
} from '../../server/data-directory.ts';
import { type DataOption, withJson } from '../data.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { print, printJson } from '../print.ts';

export function checkConfigCommand(): Command {
  return withJson(new Command('check-config'))
    .description('check the configuration and the files it names; the token is not logged in to')
    .action(check);
}

/** Each check is tried, so that one run shows every problem. A sentence that a check returns is no problem, but a note. */
const checks: Readonly<Record<string, (config: Config) => unknown>> = {
  'CA certificates': ({ directory }) => {
    caKeyOf(loadCaChain(directory).issuing);
  },
  'CMC certificate': ({ directory }) => {
    const certificate = loadCmcCertificate(directory, loadCaChain(directory));
    return checkDelegated(certificate, dataPaths(directory).cmc, 'cmc-key');
  },
  'OCSP certificate': ({ directory }) => {
    const certificate = loadOcspCertificate(directory, loadCaChain(directory));
    return checkDelegated(certificate, dataPaths(directory).ocsp, 'ocsp-key');
  },
  'TLS certificate and key': ({ directory }) => {
    const { serverChain, serverKey } = dataPaths(directory);
    const certificate = new X509Certificate(readFileSync(serverChain));
    if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(serverKey))))
      throw new Error(`${serverKey} is not the key of ${serverChain}.`);
    if (new Date(certificate.validTo) <= new Date()) throw new Error(`${serverChain} has expired.`);
    if (statSync(serverKey).mode & 0o077)
      throw new Error(`${serverKey} can be read by others; run chmod 600 on it.`);
  },
  'PKCS#11 module': ({ hsm }) => {
    statSync(hsm.module);
  },
  PIN: ({ hsm }) => {
    readSecret(hsm.pin, 'PIN');
  },
  'one-time password pepper': ({ pepper }) => {
    readSecret(pepper, 'one-time password pepper');
  },
  database: ({ storage }) => {
    statSync(storage.sqlite);
  },
};

/** @returns a note */
function checkDelegated(
  certificate: DelegatedCertificate | undefined,
  path: string,
  command: string,
): string | undefined {
  if (!certificate) return `none yet; \`bestow ca ${command}\` makes ${path}`;
  caKeyOf(certificate);
  const { notAfter } = certificate;
  if (notAfter <= new Date())
    throw new Error(`${path} has expired; \`bestow ca ${command} --replace\` makes another one.`);
  if (notAfter.getTime() - Date.now() < 30 * 86_400_000)
    return `${path} ends at ${notAfter.toISOString()}; \`bestow ca ${command} --replace\` makes another one`;
  return undefined;
}

function check(options: DataOption & { json?: true }): void {
  const config = loadConfig(options.data);
  const results = Object.entries(checks).map(([what, run]) => {
    try {
      const note = run(config);
      return typeof note === 'string' ? { what, ok: true, note } : { what, ok: true };
    } catch (error) {
      return { what, ok: false, problem: error instanceof Error ? error.message : String(error) };
    }
  });
  if (options.json) printJson(results);
  else
    for (const { what, ok, note, problem } of results)
      print([`${ok ? 'ok      ' : 'PROBLEM '} ${what}`, note, problem].filter(Boolean).join(': '));
  const problems = results.filter(({ ok }) => !ok).length;
  if (problems > 0) throw new CommandError(exitCodes.failure, `${problems} problem(s) found.`);
}
