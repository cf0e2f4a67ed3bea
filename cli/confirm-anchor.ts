import { createInterface } from 'node:readline/promises';
import type { CaCertificate } from '../ca/ca-chain.ts';
import { fingerprintOf } from '../ca/certificate.ts';
import { subjectOf } from '../ca/certificate-path.ts';
import { CommandError, exitCodes, usage } from './exit.ts';

const syntax = /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/;

/**
 * A root is trusted because the operator knows its fingerprint from elsewhere: by the option, or asked at a terminal.
 * @throws CommandError where it is another one, or nobody can be asked
 */
export async function confirmAnchor(root: CaCertificate, option?: string): Promise<void> {
  const actual = fingerprintOf(root.der);
  const named = option ?? (process.stdin.isTTY ? await ask(root) : undefined);
  if (named === undefined)
    throw usage(
      `Say that you know the root ${subjectOf(root)} by its SHA-256 fingerprint, as its owner publishes it: --anchor-fingerprint ${actual}`,
    );
  if (canonical(named) !== actual)
    throw new CommandError(
      exitCodes.notAllowed,
      `The root ${subjectOf(root)} has the fingerprint ${actual}, and not the one that was named; nothing was changed.`,
    );
}

/** With or without colons, in any case. */
function canonical(text: string): string {
  const digits = text.replaceAll(/[:\s]/g, '').toUpperCase();
  const fingerprint = (digits.match(/../g) ?? []).join(':');
  if (!syntax.test(fingerprint) || digits.length !== 64)
    throw usage('A SHA-256 fingerprint has 64 hexadecimal digits, with or without colons.');
  return fingerprint;
}

async function ask(root: CaCertificate): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(
      `SHA-256 fingerprint of the root ${subjectOf(root)}, as its owner publishes it: `,
    );
  } finally {
    terminal.close();
  }
}
