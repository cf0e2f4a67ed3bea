import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { Command } from 'commander';
import { caKeyOf } from '../../server/ca-key.ts';
import { type Config, loadConfig, readSecret } from '../../server/config.ts';
import { dataPaths, loadCaChain } from '../../server/data-directory.ts';
import { type DataOption, withJson } from '../data.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { print, printJson } from '../print.ts';

export function checkConfigCommand(): Command {
  return withJson(new Command('check-config'))
    .description('check the configuration and the files it names; the token is not logged in to')
    .action(check);
}

/** Each check is tried, so that one run shows every problem. */
const checks: Readonly<Record<string, (config: Config) => void>> = {
  'CA certificates': ({ directory }) => {
    caKeyOf(loadCaChain(directory).issuing);
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

function check(options: DataOption & { json?: true }): void {
  const config = loadConfig(options.data);
  const results = Object.entries(checks).map(([what, run]) => {
    try {
      run(config);
      return { what, ok: true };
    } catch (error) {
      return { what, ok: false, problem: error instanceof Error ? error.message : String(error) };
    }
  });
  if (options.json) printJson(results);
  else
    for (const { what, ok, problem } of results)
      print(ok ? `ok       ${what}` : `PROBLEM  ${what}: ${problem}`);
  const problems = results.filter(({ ok }) => !ok).length;
  if (problems > 0) throw new CommandError(exitCodes.failure, `${problems} problem(s) found.`);
}
