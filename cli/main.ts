/**
 * The command line: a table of commands, and how errors end.
 */

import { Command, CommanderError } from 'commander';
import { CaStateError, UnknownIssuer } from '../ca/ca-state.ts';
import { Unavailable } from '../ca/unavailable.ts';
import { TokenFault } from '../hsm/token-fault.ts';
import { AlreadyServing } from '../server/server-lock.ts';
import { MovedAway } from '../storage/moved-away.ts';
import { CommandError, type ExitCode, exitCodes } from './exit.ts';

/** A command's modules are loaded when it is called: `otp create` has no use for a web server. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  init: async () => (await import('./commands/init.ts')).initCommand(),
  serve: async () => (await import('./commands/serve.ts')).serveCommand(),
  otp: async () => (await import('./commands/otp.ts')).otpCommand(),
  pair: async () => (await import('./commands/pair.ts')).pairCommand(),
  label: async () => (await import('./commands/label.ts')).labelCommand(),
  bootstrap: async () => (await import('./commands/bootstrap.ts')).bootstrapCommand(),
  device: async () => (await import('./commands/device.ts')).deviceCommand(),
  group: async () => (await import('./commands/group.ts')).groupCommand(),
  tenant: async () => (await import('./commands/tenant.ts')).tenantCommand(),
  manufacturer: async () => (await import('./commands/manufacturer.ts')).manufacturerCommand(),
  allocation: async () => (await import('./commands/allocation.ts')).allocationCommand(),
  allocate: async () => (await import('./commands/allocate.ts')).allocateCommand(),
  campaign: async () => (await import('./commands/campaign.ts')).campaignCommand(),
  pending: async () => (await import('./commands/pending.ts')).pendingCommand(),
  ban: async () => (await import('./commands/ban.ts')).banCommand(),
  cert: async () => (await import('./commands/cert.ts')).certCommand(),
  ca: async () => (await import('./commands/ca.ts')).caCommand(),
  profile: async () => (await import('./commands/profile.ts')).profileCommand(),
  webhook: async () => (await import('./commands/webhook.ts')).webhookCommand(),
  event: async () => (await import('./commands/event.ts')).eventCommand(),
  backup: async () => (await import('./commands/backup.ts')).backupCommand(),
  restore: async () => (await import('./commands/restore.ts')).restoreCommand(),
  open: async () => (await import('./commands/open.ts')).openCommand(),
  discover: async () => (await import('./commands/discover.ts')).discoverCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  'check-config': async () => (await import('./commands/check-config.ts')).checkConfigCommand(),
};

async function makeProgram(called: string | undefined): Promise<Command> {
  const program = new Command('bestow').description(
    'EST (RFC 7030) certificate enrollment server with its CA key in an HSM',
  );
  const load =
    called !== undefined && Object.hasOwn(commands, called) ? commands[called] : undefined;
  for (const command of load ? [load] : Object.values(commands))
    program.addCommand(await command());
  return program;
}

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

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
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
