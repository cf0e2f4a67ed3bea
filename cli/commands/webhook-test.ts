import { randomUUID } from 'node:crypto';
import { Command } from 'commander';
import { readSecret } from '../../server/config.ts';
import { cloudEvent } from '../../server/events/cloud-event.ts';
import { problemOf } from '../../server/events/deliverer.ts';
import { signatureHeaders } from '../../server/events/standard-webhooks.ts';
import { webhookParts } from '../../server/events/webhook-parts.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { CommandError, exitCodes, notFound } from '../exit.ts';
import { print, printJson } from '../print.ts';

export function testCommand(): Command {
  return withJson(new Command('test'))
    .description('send an event of type bestow.test now, from here, and say what came back')
    .argument('<id>')
    .action(test);
}

async function test(id: string, options: DataOption & { json?: true }): Promise<void> {
  const sent = await withStores(options, async ({ webhooks }, config) => {
    const at = new Date();
    const found = await webhooks.find(id, at);
    if (!found) throw notFound(`There is no webhook ${id}.`);
    const pepper = Buffer.from(readSecret(config.pepper, 'one-time password pepper'));
    const { receivers, secrets, source } = webhookParts(config, pepper);
    const event = randomUUID();
    const content = { id: event, type: 'bestow.test', at, data: { webhook: id } };
    const body = cloudEvent(content, source);
    const signature = signatureHeaders(event, at, body, secrets.open(id, found.secrets));
    const receiver = receivers.open(found.webhook.url, config.events.timeout);
    try {
      return { event, ...(await receiver.deliver({ content, body, signature })) };
    } catch (error) {
      throw new CommandError(exitCodes.unavailable, `${id} was not reached: ${problemOf(error)}`);
    } finally {
      receiver.close();
    }
  });
  const { event, delivered, said } = sent;
  if (!delivered)
    throw new CommandError(
      exitCodes.failure,
      `The event ${event} is not delivered: ${id} ${said}.`,
    );
  if (options.json) printJson(sent);
  else print(`${id} took the event ${event}: it ${said}.`);
}
