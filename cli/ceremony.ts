/**
 * The making of a CA before witnesses: what is asked, what is shown, and the minutes, signed by a key of the new CA.
 */

import { hash } from 'node:crypto';
import { hostname as machine } from 'node:os';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import type { CaState } from '../ca/ca-state.ts';
import { fingerprintOf, readCertificate } from '../ca/certificate.ts';
import { der, requireActive } from '../ca/certification-authority.ts';
import { signData } from '../ca/cms/signed-data.ts';
import { readDer } from '../ca/der.ts';
import { describeName, readName } from '../ca/distinguished-name.ts';
import { oid } from '../ca/object-identifiers.ts';
import type { Config } from '../server/config.ts';
import { dataPaths } from '../server/data-directory.ts';
import type { Stores } from '../storage/stores.ts';
import { changeCa, writeAtOnce } from './certification-authority.ts';
import { CommandError, exitCodes } from './exit.ts';
import { openCa, openSigner } from './open-ca.ts';

/** What people have said at a ceremony. */
export interface CeremonyAnswers {
  readonly name: string;
  readonly conductedBy: string;
  readonly witnesses: readonly string[];
}

/** A refusal of the people present: nothing is made, or what was made is removed. */
const abandoned = (why: string) =>
  new CommandError(exitCodes.notAllowed, `The ceremony is abandoned: ${why}`);

const mostTries = 3;

/** One ceremony, on a terminal or from lines of text; whatever is said goes into the minutes. */
export class Ceremony {
  readonly #lines: AsyncIterator<string>;
  readonly #close: () => void;
  readonly #out: Writable;
  readonly #minutes: string[] = [];

  constructor(input: Readable, out: Writable) {
    // Prompts are ours: those of readline would appear twice where input is no terminal.
    const reader = createInterface({ input, terminal: false });
    this.#lines = reader[Symbol.asyncIterator]();
    this.#close = () => reader.close();
    this.#out = out;
  }

  close(): void {
    this.#close();
  }

  /** Shows a line, and keeps it for the minutes. */
  say(text: string): void {
    this.#out.write(`${text}\n`);
    this.#minutes.push(text);
  }

  get minutes(): string {
    return `${this.#minutes.join('\n')}\n`;
  }

  /**
   * Who is there, and what is about to be made.
   * @param given the CA's name, where it was decided before
   * @throws CommandError where somebody disagrees
   */
  async open(
    planned: Readonly<Record<string, string>>,
    given: string | undefined,
  ): Promise<CeremonyAnswers> {
    this.say(
      `Ceremony of a certification authority, begun ${new Date().toISOString()} on ${machine()}, by Bestow on Node.js ${process.version}`,
    );
    const name = given ?? (await this.#ask('Name of the certification authority'));
    if (name === '') throw abandoned('a certification authority needs a name.');
    const conductedBy = await this.#ask('Who conducts the ceremony (name and role)');
    const witnesses = (await this.#ask('Who witnesses it (names, separated by commas)'))
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '');
    if (conductedBy === '' || witnesses.length === 0)
      throw abandoned('it needs one who conducts it and a witness.');
    this.say('To be made:');
    for (const [what, value] of Object.entries({ name, ...planned }))
      this.say(`  ${what}: ${value}`);
    if ((await this.#ask(`Type the name "${name}" to make the keys now`)) !== name)
      throw abandoned('the name was not repeated; nothing was made.');
    return { name, conductedBy, witnesses };
  }

  /** Each witness writes down what the screen shows, and types it back. @throws CommandError */
  async confirm(fingerprint: string, { witnesses }: CeremonyAnswers): Promise<void> {
    this.say(`Root certificate SHA-256 fingerprint: ${fingerprint}`);
    const expected = fingerprint.replaceAll(':', '').slice(-8).toLowerCase();
    for (const witness of witnesses) await this.#confirmBy(witness, expected);
  }

  async #confirmBy(witness: string, expected: string): Promise<void> {
    for (let attempt = 0; attempt < mostTries; attempt++) {
      const answer = await this.#ask(
        `${witness}: write the fingerprint down, and type its last eight digits from your note`,
      );
      if (answer.replaceAll(/[:\s]/g, '').toLowerCase() === expected) {
        this.say(`Confirmed by ${witness} at ${new Date().toISOString()}`);
        return;
      }
      this.say('That is not what the fingerprint ends with.');
    }
    throw abandoned(`${witness} could not confirm the fingerprint; what was made is removed.`);
  }

  async #ask(question: string): Promise<string> {
    this.#out.write(`${question}: `);
    const { value, done } = await this.#lines.next();
    if (done) throw abandoned('there was no answer.');
    this.#minutes.push(`${question}: ${value}`);
    return value.trim();
  }
}

/** The lines of the minutes that say what was made. */
function describeMade({ root, issuers }: CaState): string[] {
  const keys = [
    ...(root?.keys ?? []).map((key) => ({ ...key, of: 'root', token: root?.token ?? '' })),
    ...issuers.flatMap(({ name, token, keys: own }) =>
      own.map((key) => ({ ...key, of: `issuer ${name}`, token })),
    ),
  ];
  return keys.flatMap(({ of, token, label, keyType, publicKey, certificate }) => [
    `Key of the ${of}: ${keyType}, label ${label} in the token "${token}", made there, not extractable`,
    `  SHA-256 of its SubjectPublicKeyInfo: ${hash('sha256', der(publicKey), 'hex')}`,
    ...(certificate === undefined ? [] : describeCertificate(der(certificate))),
  ]);
}

function describeCertificate(octets: Uint8Array): string[] {
  const { subject, serialNumber, notBefore, notAfter } = readCertificate(octets);
  return [
    `  Certificate: ${describeName(readName(readDer(subject)))}, serial number ${serialNumber}`,
    `  Valid from ${notBefore.toISOString()} to ${notAfter.toISOString()}`,
    `  SHA-256 fingerprint: ${fingerprintOf(octets)}`,
  ];
}

/**
 * Writes the minutes of what was said and made, and shows where they are.
 * @throws as signMinutes
 */
export async function closeCeremony(
  ceremony: Ceremony,
  config: Config,
  stores: Pick<Stores, 'caState'>,
): Promise<void> {
  for (const line of describeMade((await stores.caState.load()).state)) ceremony.say(line);
  ceremony.say(`Closed ${new Date().toISOString()}`);
  const { minutes, root } = dataPaths(config.directory);
  await signMinutes(minutes, ceremony.minutes, config, stores);
  ceremony.say(`The signed minutes are in ${minutes}; anyone who trusts the root reads them with`);
  ceremony.say(`  openssl cms -verify -inform DER -in ${minutes} -CAfile ${root} -purpose any`);
}

/**
 * Signs the minutes with the key of the new CA that signs its answers, writes them beside its certificates, and leaves their
 * digest in the audit log.
 * @param path of the file, DER: a SignedData (RFC 5652) with the text inside
 * @throws TokenFault, SignerUnavailable, SignatureFault
 */
async function signMinutes(
  path: string,
  text: string,
  config: Config,
  stores: Pick<Stores, 'caState'>,
): Promise<void> {
  const open = await openCa(config, stores);
  try {
    const { cmc } = requireActive(open.ca).delegated;
    if (!cmc) throw new Error('The CA has no key that could sign the minutes.');
    const content = Buffer.from(text);
    const signed = await signData({
      contentType: oid['id-data'],
      content,
      signer: await openSigner(config, open.token, cmc),
      certificate: cmc.certificate.der,
      certificates: [open.chain.issuing.der],
      signingTime: new Date(),
    });
    writeAtOnce(path, signed);
    const change = {
      action: 'ca.ceremony-held',
      object: open.key.issuer,
      details: { minutes: hash('sha256', content, 'hex') },
    };
    await changeCa(stores, config.directory, change, (state) => state);
  } finally {
    open.close();
  }
}
