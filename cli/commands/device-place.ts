/**
 * Where a device is, where it is sent for it, and quarantine.
 */

import type { Command } from 'commander';
import { lastCertificateOf, renewalCase } from '../../enrollment/allocation/last-certificate.ts';
import { prospectOf } from '../../enrollment/allocation/prospect.ts';
import { type Campaign, describePlace, type Member } from '../../enrollment/campaigns/campaign.ts';
import { rulesOnRecord } from '../allocation/rules-on-record.ts';
import { type DataOption, operator, withJson, withStores } from '../data.ts';
import { describeContext, type PlaceOptions, placeChangeIn, withPlace } from '../device-place.ts';
import { notFound, usage } from '../exit.ts';
import { print, printFields, printJson } from '../print.ts';

/** Adds show, set, quarantine and release to `bestow device`. */
export function addPlaceCommands(device: Command): void {
  withJson(device.command('show'))
    .description('show a device, the endpoints it has and those it would get')
    .argument('<id>')
    .action(show);
  withPlace(withJson(device.command('set')))
    .description('change what is known of a device; an empty text takes it away')
    .argument('<id>')
    .action(setPlace);
  withJson(device.command('quarantine'))
    .description('give a device, from its next enrollment on, the quarantine endpoints alone')
    .argument('<id>')
    .action((id, options) => setQuarantine(id, true, options));
  withJson(device.command('release'))
    .description('end the quarantine of a device')
    .argument('<id>')
    .action((id, options) => setQuarantine(id, false, options));
}

interface JsonOption extends DataOption {
  readonly json?: true;
}

const mostCertificates = 20;

async function show(id: string, options: JsonOption): Promise<void> {
  const shown = await withStores(options, async (stores, { endpointArc }) => {
    const known = await stores.devices.find(id);
    if (!known) throw notFound(`There is no device ${id}.`);
    const records = await stores.ledger.list({ subscriber: id, limit: mostCertificates });
    const last = lastCertificateOf(records, endpointArc, new Date());
    const prospect = prospectOf(renewalCase(known, last), await rulesOnRecord(stores));
    const membership = await stores.campaigns.membershipOf(id);
    return {
      ...known.device,
      ...(membership ? { campaign: describeMembership(membership) } : {}),
      ...('refusal' in prospect
        ? { endpoints: [], refusal: prospect.refusal }
        : prospect.ask
          ? { endpoints: `unknown: the webhook ${prospect.ask.webhook} decides` }
          : { endpoints: prospect.endpoints, broker: prospect.broker }),
      lastEndpoints: last?.endpoints,
      certificates: records.map(({ serialNumber }) => serialNumber),
    };
  });
  if (options.json) printJson(shown);
  else printFields({ ...shown, context: describeContext(shown.context) });
}

function describeMembership({ campaign, member }: { campaign: Campaign; member: Member }): string {
  const { name, state, change } = campaign;
  return `${name} (${state}), to ${describePlace(change)}: ${member.state}`;
}

async function setPlace(id: string, options: JsonOption & PlaceOptions): Promise<void> {
  const change = placeChangeIn(options);
  if (Object.keys(change).length === 0)
    throw usage('Name what is to change; see `bestow device set --help`.');
  const device = await withStores(options, ({ devices }) =>
    devices.setPlace(id, change, operator(), new Date()),
  );
  if (!device) throw notFound(`There is no device ${id}.`);
  if (options.json) printJson(device);
  else {
    const { region, site, building, context } = device;
    printFields({ id, region, site, building, context: describeContext(context) });
  }
}

async function setQuarantine(id: string, quarantined: boolean, options: JsonOption): Promise<void> {
  const { device, prospect } = await withStores(options, async (stores) => {
    const changed = await stores.devices.setQuarantine(id, quarantined, operator(), new Date());
    const known = changed && (await stores.devices.find(id));
    if (!known) throw notFound(`There is no device ${id}.`);
    return { device: changed, prospect: prospectOf(known, await rulesOnRecord(stores)) };
  });
  if (options.json) printJson(device);
  else if (!quarantined) print(`Device ${id} is out of quarantine.`);
  else
    print(
      'refusal' in prospect
        ? `Device ${id} is in quarantine. Neither its group nor its tenant has quarantine endpoints, so it gets no certificate any more.`
        : `Device ${id} is in quarantine: it gets ${prospect.endpoints.join(', ')} with its next certificate.`,
    );
}
