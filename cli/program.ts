/** The table of commands. */

import { Command } from 'commander';

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

/** @param called the one command that is wanted; all of them when there is none of that name */
export async function makeProgram(called?: string): Promise<Command> {
  const program = new Command('bestow').description(
    'EST (RFC 7030) certificate enrollment server with its CA key in an HSM',
  );
  const load =
    called !== undefined && Object.hasOwn(commands, called) ? commands[called] : undefined;
  for (const command of load ? [load] : Object.values(commands))
    program.addCommand(await command());
  return program;
}

/** A command, and all below it. */
export function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}
