/**
 * The command line: a table of commands, and how errors end.
 */

import { Command, CommanderError } from 'commander';
import { Unavailable } from '../ca/unavailable.ts';
import { TokenFault } from '../hsm/token-fault.ts';
import { AlreadyServing } from '../server/server-lock.ts';
import { caCommand } from './commands/ca.ts';
import { certCommand } from './commands/cert.ts';
import { checkConfigCommand } from './commands/check-config.ts';
import { deviceCommand } from './commands/device.ts';
import { initCommand } from './commands/init.ts';
import { otpCommand } from './commands/otp.ts';
import { serveCommand } from './commands/serve.ts';
import { tenantCommand } from './commands/tenant.ts';
import { CommandError, type ExitCode, exitCodes } from './exit.ts';

const program = new Command('bestow')
  .description('EST (RFC 7030) certificate enrollment server with its CA key in an HSM')
  .addCommand(initCommand())
  .addCommand(serveCommand())
  .addCommand(otpCommand())
  .addCommand(deviceCommand())
  .addCommand(tenantCommand())
  .addCommand(certCommand())
  .addCommand(caCommand())
  .addCommand(checkConfigCommand());

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exitCode;
  // Checks of what an operator wrote throw TypeError with a sentence.
  if (error instanceof TypeError) return exitCodes.usage;
  if (error instanceof AlreadyServing) return exitCodes.conflict;
  if (error instanceof Unavailable) return exitCodes.unavailable;
  if (error instanceof TokenFault)
    return error.kind === 'credential' ? exitCodes.notAllowed : exitCodes.unavailable;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EACCES' || code === 'EPERM' ? exitCodes.notAllowed : exitCodes.failure;
}

for (const command of [
  program,
  ...program.commands,
  ...program.commands.flatMap((c) => c.commands),
])
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
