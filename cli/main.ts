/** The command line: what is called, and how errors end. */

import { CommanderError } from 'commander';
import { CaStateError, UnknownIssuer } from '../ca/ca-state.ts';
import { Unavailable } from '../ca/unavailable.ts';
import { TokenFault } from '../hsm/token-fault.ts';
import { AlreadyServing } from '../server/server-lock.ts';
import { MovedAway } from '../storage/moved-away.ts';
import { CommandError, type ExitCode, exitCodes } from './exit.ts';
import { makeProgram, withSubcommands } from './program.ts';

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exitCode;
  // Checks of what an operator wrote throw TypeError with a sentence.
  if (error instanceof TypeError) return exitCodes.usage;
  if (error instanceof UnknownIssuer) return exitCodes.notFound;
  if (
    error instanceof AlreadyServing ||
    error instanceof MovedAway ||
    error instanceof CaStateError
  )
    return exitCodes.conflict;
  if (error instanceof Unavailable) return exitCodes.unavailable;
  if (error instanceof TokenFault)
    return error.kind === 'credential' ? exitCodes.notAllowed : exitCodes.unavailable;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EACCES' || code === 'EPERM' ? exitCodes.notAllowed : exitCodes.failure;
}

// Who reads the first lines alone, as `head` does, has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

const program = await makeProgram(process.argv[2]);
for (const command of withSubcommands(program))
  command.exitOverride().showHelpAfterError('(--help shows what there is)');

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has said it already; help that was asked for is no error.
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  } else {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`bestow: ${message}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
