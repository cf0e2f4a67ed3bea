/**
 * The subject of an issuing CA: as the operator names it, or after the ones there are.
 */

import type { Command } from 'commander';
import { subjectOfRequest } from '../ca/ca-request.ts';
import { type CaState, type IssuerState, keyThatIs, nextGeneration } from '../ca/ca-state.ts';
import { readCertificate } from '../ca/certificate.ts';
import { der } from '../ca/certification-authority.ts';
import { readDer } from '../ca/der.ts';
import { readName, sameName } from '../ca/distinguished-name.ts';
import { usage } from './exit.ts';
import { readSubject } from './read-subject.ts';
import { subjectOfNext } from './start-rollover.ts';

export interface SubjectOptions {
  readonly commonName?: string;
  readonly subject?: string;
}

/** Adds --common-name and --subject to a command. */
export function withSubject(command: Command): Command {
  return command
    .option('--common-name <name>', 'common name of the CA in its certificate')
    .option('--subject <name>', 'its whole subject, such as "C=DE, O=Acme, CN=Acme Devices CA"');
}

/** What the options say, if they say anything. @returns Name, DER. @throws TypeError, CommandError */
export function chosenSubject({ commonName, subject }: SubjectOptions): Uint8Array | undefined {
  if (commonName !== undefined && subject !== undefined)
    throw usage('--subject has the common name in it: leave --common-name out.');
  if (subject !== undefined) return readSubject(subject);
  return commonName === undefined
    ? undefined
    : readSubject(`CN=${commonName.replaceAll(',', '\\,')}`);
}

/**
 * Without a word in the options: after the issuer's active key, or after the default issuer.
 * @returns Name, DER
 * @throws TypeError, CommandError
 */
export function issuerSubject(options: SubjectOptions, state: CaState, name: string): Uint8Array {
  return requireOwn(chosenSubject(options) ?? usualSubject(state, name), state, name);
}

/** Relying parties take CAs of one name for one CA. */
function requireOwn(subject: Uint8Array, state: CaState, name: string): Uint8Array {
  const others = state.issuers
    .filter((issuer) => issuer.name !== name)
    .map((issuer) => [subjectOf(issuer), `the issuer "${issuer.name}"`] as const);
  const roots = (state.root?.keys ?? []).map(
    ({ certificate }) => [readCertificate(der(certificate)).subject, 'the root'] as const,
  );
  const taken = [...others, ...roots].find(([other]) => other && sameName(other, subject));
  if (taken) throw usage(`That is the subject of ${taken[1]}: choose another with --common-name.`);
  return subject;
}

function usualSubject(state: CaState, name: string): Uint8Array {
  const issuer = state.issuers.find((each) => each.name === name);
  if (issuer && keyThatIs(issuer, 'active')) return subjectOfNext(issuer, nextGeneration(issuer));
  const [first] = state.issuers;
  const like = first && subjectOf(first);
  const { text = 'CA' } = like
    ? (readName(readDer(like)).find(({ type }) => type === 'commonName') ?? {})
    : {};
  // Without what the issuer is, and which of its keys it is by now.
  const base = text.replace(/ (Issuing )?CA( G\d+)?$/, '');
  return readSubject(`CN=${`${base} ${name}`.replaceAll(',', '\\,')} Issuing CA`);
}

function subjectOf(issuer: IssuerState): Uint8Array | undefined {
  const key = keyThatIs(issuer, 'active') ?? issuer.keys.at(-1);
  if (key?.certificate) return readCertificate(der(key.certificate)).subject;
  return key?.request === undefined ? undefined : subjectOfRequest(der(key.request));
}
