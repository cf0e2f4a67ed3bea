import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { Command } from 'commander';
import type { DelegationName } from '../../ca/ca-state.ts';
import { type CertificationAuthority, requireActive } from '../../ca/certification-authority.ts';
import { type Config, loadConfig, readSecret } from '../../server/config.ts';
import { dataPaths } from '../../server/data-directory.ts';
import { loadCa } from '../certification-authority.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { endpointArcFinding } from '../doctor/endpoint-arc.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { print, printJson } from '../print.ts';

export function checkConfigCommand(): Command {
  return withJson(new Command('check-config'))
    .description('check the configuration and the files it names; the token is not logged in to')
    .action(check);
}

/** What is checked, with the CA of its database. */
interface Checked {
  readonly config: Config;
  ca(): Promise<CertificationAuthority>;
}

/** Each check is tried, so that one run shows every problem. A sentence that a check returns is no problem, but a note. */
const checks: Readonly<Record<string, (checked: Checked) => unknown>> = {
  'CA certificates': async ({ ca }) => {
    requireActive(await ca());
  },
  'CMC certificates': async ({ ca }) => checkDelegated(await ca(), 'cmc'),
  'OCSP certificates': async ({ ca }) => checkDelegated(await ca(), 'ocsp'),
  'TLS certificate and key': ({ config: { directory } }) => {
    const { serverChain, serverKey } = dataPaths(directory);
    const certificate = new X509Certificate(readFileSync(serverChain));
    if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(serverKey))))
      throw new Error(`${serverKey} is not the key of ${serverChain}.`);
    if (new Date(certificate.validTo) <= new Date()) throw new Error(`${serverChain} has expired.`);
    if (statSync(serverKey).mode & 0o077)
      throw new Error(`${serverKey} can be read by others; run chmod 600 on it.`);
  },
  'PKCS#11 modules': ({ config: { tokens } }) => {
    for (const { module } of Object.values(tokens)) statSync(module);
  },
  PINs: ({ config: { tokens } }) => {
    for (const [name, { pin }] of Object.entries(tokens))
      readSecret(pin, `PIN of the token "${name}"`);
  },
  'one-time password pepper': ({ config: { pepper } }) => {
    readSecret(pepper, 'one-time password pepper');
  },
  'endpoint arc': ({ config }) => {
    const { severity, message, action } = endpointArcFinding(
      config.endpointArc,
      config.profiles.device.endpoints,
    );
    return severity === 'ok' ? undefined : `${message}; ${action}`;
  },
  database: ({ config: { storage } }) => {
    statSync(storage.sqlite);
  },
};

/** @returns a note */
function checkDelegated(ca: CertificationAuthority, which: DelegationName): string | undefined {
  const notes = ca.issuers.flatMap(({ name, active }) => {
    const command = `\`bestow ca ${which}-key --issuer ${name}`;
    const certificate = active?.delegated[which]?.certificate;
    if (!active) return [`the issuer "${name}" waits for its own certificate`];
    if (!certificate) return [`the issuer "${name}" has none; ${command}\` makes one`];
    const ends = certificate.notAfter.toISOString();
    if (certificate.notAfter <= new Date())
      throw new Error(`That of "${name}" ended at ${ends}; ${command} --replace\` makes another.`);
    return certificate.notAfter.getTime() - Date.now() < 30 * 86_400_000
      ? [`that of "${name}" ends at ${ends}; ${command} --replace\` makes another one`]
      : [];
  });
  return notes.length > 0 ? notes.join('; ') : undefined;
}

async function check(options: DataOption & { json?: true }): Promise<void> {
  const config = loadConfig(options.data);
  const checked = { config, ca: () => withStores(options, loadCa) };
  const results = [];
  for (const [what, run] of Object.entries(checks)) results.push(await tried(what, run, checked));
  if (options.json) printJson(results);
  else
    for (const { what, ok, note, problem } of results)
      print([`${ok ? 'ok      ' : 'PROBLEM '} ${what}`, note, problem].filter(Boolean).join(': '));
  const problems = results.filter(({ ok }) => !ok).length;
  if (problems > 0) throw new CommandError(exitCodes.failure, `${problems} problem(s) found.`);
}

interface Result {
  readonly what: string;
  readonly ok: boolean;
  readonly note?: string;
  readonly problem?: string;
}

async function tried(
  what: string,
  run: (checked: Checked) => unknown,
  checked: Checked,
): Promise<Result> {
  try {
    const note = await run(checked);
    return typeof note === 'string' ? { what, ok: true, note } : { what, ok: true };
  } catch (error) {
    return { what, ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}
