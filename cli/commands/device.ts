import { Command, Option } from 'commander';
import {
  checkDeviceId,
  checkNames,
  checkSerialNumber,
  type Device,
  type DeviceRole,
  deviceRoles,
} from '../../enrollment/device.ts';
import {
  chooseTenant,
  collect,
  type DataOption,
  type ListOptions,
  operator,
  parseLimit,
  withJson,
  withStores,
} from '../data.ts';
import { type PlaceOptions, placeIn, withPlace } from '../device-place.ts';
import { conflict, notFound, usage } from '../exit.ts';
import { print, printJson, printTable } from '../print.ts';
import { deviceExportCommand } from './device-export.ts';
import { deviceImportCommand } from './device-import.ts';
import { deviceKeyCommand } from './device-key.ts';
import { addPlaceCommands } from './device-place.ts';

export function deviceCommand(): Command {
  const device = new Command('device').description('the device registry');
  withPlace(withJson(device.command('add')))
    .description('register a device')
    .argument('<id>', 'its id: the CN of its certificates')
    .option('--tenant <id>', "its tenant; the group's, the only one, or `default`, when left out")
    .option('--group <label>', "its group; the tenant's first one when left out")
    .option('--serial-number <text>', 'serialNumber attribute of its subject')
    .option('--manufacturer <id>', 'who made it, if it has a factory certificate with that number')
    .option(
      '--name <name>',
      'a subject alternative name it may ask for: DNS:, IP:, URI: or email: (repeat)',
      collect,
    )
    .addOption(
      new Option('--role <role>', 'a registration authority may enroll the devices of its tenant')
        .choices(deviceRoles)
        .default('device'),
    )
    .action(add);
  withJson(device.command('list'))
    .description('list devices')
    .option('--tenant <id>', 'of this tenant only')
    .option('--limit <n>', 'at most this many', '100')
    .action(list);
  addPlaceCommands(device);
  withJson(device.command('set-names'))
    .description('replace the subject alternative names a device may ask for')
    .argument('<id>')
    .argument('[names...]', 'such as DNS:pump.example; none leaves it without any')
    .action(setNames);
  withJson(device.command('block'))
    .description('refuse a device everything until it is unblocked')
    .argument('<id>')
    .action((id, options) => setStatus(id, 'blocked', options));
  withJson(device.command('unblock'))
    .description('let a blocked device enroll again')
    .argument('<id>')
    .action((id, options) => setStatus(id, 'active', options));
  withJson(device.command('remove'))
    .description('take a device out of the registry and revoke its passwords and certificates')
    .argument('<id>')
    .action(remove);
  withJson(device.command('reset-factory'))
    .description('let a device enroll by its factory certificate once more')
    .argument('<id>')
    .option('--unpin', 'also with another factory key: it got new hardware')
    .action(resetFactory);
  withJson(device.command('reset-key'))
    .description('forget the first key of a device: the next one it comes with is its own')
    .argument('<id>')
    .action(resetKey);
  device.addCommand(deviceKeyCommand());
  device.addCommand(deviceImportCommand());
  device.addCommand(deviceExportCommand());
  return device;
}

interface AddOptions extends DataOption, PlaceOptions {
  readonly tenant?: string;
  readonly group?: string;
  readonly serialNumber?: string;
  readonly manufacturer?: string;
  readonly name?: string[];
  readonly role: DeviceRole;
  readonly json?: true;
}

async function add(id: string, options: AddOptions): Promise<void> {
  const { group, serialNumber, manufacturer, name = [] } = options;
  const device = {
    id: checkDeviceId(id),
    ...(group === undefined ? {} : { group }),
    ...(serialNumber === undefined ? {} : { serialNumber: checkSerialNumber(serialNumber) }),
    ...(manufacturer === undefined ? {} : { manufacturer }),
    names: checkNames(name),
    role: options.role,
    ...placeIn(options),
  };
  const outcome = await withStores(options, async (stores) => {
    const own = group === undefined ? undefined : (await stores.tenants.groupOf(group))?.tenant;
    const tenant = await chooseTenant(stores, options.tenant ?? own);
    return stores.devices.add({ ...device, tenant }, operator(), new Date());
  });
  if (outcome.kind === 'refused') throw notFound(outcome.reason);
  if (outcome.kind === 'contradiction') throw usage(outcome.reason);
  if (outcome.kind === 'exists')
    throw conflict(`Device ${id} is registered already, in tenant ${outcome.value.tenant}.`);
  if (options.json) printJson(outcome.value);
  else
    print(
      `Device ${id} is registered in tenant ${outcome.value.tenant}, group ${outcome.value.group}.`,
    );
}

async function list(options: ListOptions & { tenant?: string }): Promise<void> {
  const devices = await withStores(options, (stores) =>
    stores.devices.list({
      ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
      limit: parseLimit(options.limit),
    }),
  );
  if (options.json) printJson(devices);
  else
    printTable(
      devices.map(({ id, tenant, group, region, role, status, serialNumber, names }) => ({
        id,
        tenant,
        group,
        region,
        role,
        status,
        serialNumber,
        names,
      })),
      'There are no devices.',
    );
}

async function setStatus(
  id: string,
  status: Device['status'],
  options: DataOption & { json?: true },
): Promise<void> {
  const device = await withStores(options, ({ devices }) =>
    devices.setStatus(id, status, operator(), new Date()),
  );
  if (!device) throw notFound(`There is no device ${id}.`);
  if (options.json) printJson(device);
  else print(`Device ${id} is ${status}.`);
}

async function setNames(
  id: string,
  names: string[],
  options: DataOption & { json?: true },
): Promise<void> {
  const checked = checkNames(names);
  const device = await withStores(options, ({ devices }) =>
    devices.setNames(id, checked, operator(), new Date()),
  );
  if (!device) throw notFound(`There is no device ${id}.`);
  if (options.json) printJson(device);
  else print(`Device ${id} may ask for ${device.names.join(', ') || 'no names'}.`);
}

async function resetFactory(
  id: string,
  options: DataOption & { unpin?: true; json?: true },
): Promise<void> {
  const { unpin = false } = options;
  const device = await withStores(options, ({ manufacturers }) =>
    manufacturers.reset(id, unpin, operator(), new Date()),
  );
  if (!device) throw notFound(`There is no device ${id}.`);
  if (options.json) printJson(device);
  else
    print(
      `Device ${id} may enroll by its factory certificate once more${unpin ? ', also with another key' : ''}.`,
    );
}

async function resetKey(id: string, options: DataOption & { json?: true }): Promise<void> {
  const device = await withStores(options, ({ devices }) =>
    devices.resetKey(id, operator(), new Date()),
  );
  if (!device) throw notFound(`There is no device ${id}.`);
  if (options.json) printJson(device);
  else print(`Device ${id} is known by the next key that it comes with.`);
}

async function remove(id: string, options: DataOption & { json?: true }): Promise<void> {
  const removed = await withStores(options, ({ devices }) =>
    devices.remove(id, operator(), new Date()),
  );
  if (!removed) throw notFound(`There is no device ${id}.`);
  if (options.json) printJson({ id, removed });
  else print(`Device ${id} is removed; its one-time passwords and certificates are revoked.`);
}
