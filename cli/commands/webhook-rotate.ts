import { Command } from 'commander';
import { parseDuration } from '../../ca/certificate-profile.ts';
import { mostSecrets } from '../../enrollment/events/webhooks.ts';
import { type DataOption, operator, withJson, withStores } from '../data.ts';
import { conflict, notFound } from '../exit.ts';
import { printFields, printJson } from '../print.ts';
import { handOver, prepareHandOver, webhookSecretsOf } from '../webhook-secret.ts';

export function rotateCommand(): Command {
  return withJson(new Command('rotate'))
    .description('make another secret; messages are signed with the old one too for a while')
    .argument('<id>')
    .option('--overlap <duration>', 'how long the old one goes on signing, or 0', '24h')
    .option('--secret-file <path>', 'write the secret into this new file in place of showing it')
    .action(rotate);
}

interface RotateOptions extends DataOption {
  readonly json?: true;
  readonly overlap: string;
  readonly secretFile?: string;
}

async function rotate(id: string, options: RotateOptions): Promise<void> {
  const overlapMs = options.overlap === '0' ? 0 : parseDuration(options.overlap) * 1000;
  const now = new Date();
  const oldEnd = new Date(now.getTime() + overlapMs);
  const rotated = await withStores(options, async ({ webhooks }, config) => {
    if (!(await webhooks.find(id, now))) throw notFound(`There is no webhook ${id}.`);
    const secret = webhookSecretsOf(config).make(id, now);
    const output = prepareHandOver(options.secretFile);
    const outcome = await webhooks.rotate(id, secret.sealed, { oldEnd, by: operator() });
    if (outcome === 'unknown') throw notFound(`There is no webhook ${id}.`);
    if (outcome === 'too-many')
      throw conflict(
        `${mostSecrets} secrets sign already; wait for one to end, or end all with --overlap 0.`,
      );
    return { id, ...handOver(secret.text, output), oldSecretsEnd: oldEnd };
  });
  if (options.json) printJson(rotated);
  else printFields(rotated);
}
