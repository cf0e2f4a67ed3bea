import { Command } from 'commander';
import { checkEndpoint, maxEndpoints } from '../../ca/extensions/upstream-endpoints.ts';
import { checkLabel } from '../../enrollment/group.ts';
import { checkTenantId, type Tenant } from '../../enrollment/tenant.ts';
import { collect, type DataOption, operator, withJson, withStores } from '../data.ts';
import { conflict, notFound, usage } from '../exit.ts';
import { requireIssuerFor } from '../issuer-of-group.ts';
import { print, printFields, printJson, printTable } from '../print.ts';

export function tenantCommand(): Command {
  const tenant = new Command('tenant').description(
    'tenants: whose devices they are, and where those belong',
  );
  withJson(tenant.command('add'))
    .description('add a tenant with one group of devices')
    .argument('<id>')
    .option(
      '--endpoint <uri>',
      'upstream endpoint of its devices, in order of preference (repeat)',
      collect,
    )
    .option('--label <label>', "its group's label in EST paths; the tenant id when left out")
    .option('--issuer <name>', "its group's issuing CA: bestow ca issuer list")
    .action(add);
  withJson(tenant.command('list')).description('list tenants').action(list);
  withJson(tenant.command('show')).description('show a tenant').argument('<id>').action(show);
  withJson(tenant.command('set-endpoint'))
    .description('replace the upstream endpoints; devices get them at their next enrollment')
    .argument('<id>')
    .argument('<uri...>', 'in order of preference')
    .action(setEndpoint);
  withJson(tenant.command('set-quarantine'))
    .description('what devices in quarantine get; without any they get no certificate')
    .argument('<id>')
    .argument('[uri...]', 'in order of preference')
    .action(setQuarantine);
  return tenant;
}

/** @throws TypeError, CommandError */
export function checkEndpoints(uris: readonly string[]): string[] {
  if (uris.length > maxEndpoints)
    throw usage(`A tenant can have at most ${maxEndpoints} endpoints.`);
  if (new Set(uris).size < uris.length) throw usage('An endpoint stands twice.');
  return uris.map(checkEndpoint);
}

async function add(
  id: string,
  options: DataOption & { endpoint?: string[]; label?: string; issuer?: string; json?: true },
): Promise<void> {
  const tenant = {
    id: checkTenantId(id),
    endpoints: checkEndpoints(options.endpoint ?? []),
    label: checkLabel(options.label ?? id),
    ...(options.issuer === undefined ? {} : { issuer: options.issuer }),
  };
  const outcome = await withStores(options, async (stores) => {
    if (options.issuer !== undefined) await requireIssuerFor(stores, id, options.issuer);
    return stores.tenants.add(tenant, operator(), new Date());
  });
  if (outcome.kind === 'refused') throw conflict(outcome.reason);
  if (outcome.kind === 'exists') throw conflict(`There is a tenant ${id} already.`);
  if (options.json) printJson({ ...outcome.value, labels: [tenant.label] });
  else
    print(
      `Tenant ${id} is added; its devices enroll at /.well-known/est/${tenant.label}/simpleenroll.`,
    );
}

async function list(options: DataOption & { json?: true }): Promise<void> {
  const tenants = await withStores(options, (stores) => stores.tenants.list());
  if (options.json) printJson(tenants);
  else
    printTable(
      tenants.map(({ id, endpoints, suspended }) => ({ id, endpoints, suspended })),
      'There are no tenants.',
    );
}

async function show(id: string, options: DataOption & { json?: true }): Promise<void> {
  const found = await withStores(options, ({ tenants }) => tenants.find(id));
  if (!found) throw notFound(`There is no tenant ${id}.`);
  const shown = { ...found.tenant, labels: found.groups.map(({ label }) => label) };
  if (options.json) printJson(shown);
  else printFields(shown);
}

async function setEndpoint(
  id: string,
  uris: string[],
  options: DataOption & { json?: true },
): Promise<void> {
  const endpoints = checkEndpoints(uris);
  const tenant: Tenant | undefined = await withStores(options, ({ tenants }) =>
    tenants.setEndpoints(id, endpoints, operator(), new Date()),
  );
  if (!tenant) throw notFound(`There is no tenant ${id}.`);
  if (options.json) printJson(tenant);
  else
    print(
      `Devices of tenant ${id} are sent to ${endpoints.join(', ')} from their next enrollment on.`,
    );
}

async function setQuarantine(
  id: string,
  uris: string[],
  options: DataOption & { json?: true },
): Promise<void> {
  const endpoints = checkEndpoints(uris);
  const tenant = await withStores(options, ({ tenants }) =>
    tenants.setQuarantine(id, endpoints, operator(), new Date()),
  );
  if (!tenant) throw notFound(`There is no tenant ${id}.`);
  if (options.json) printJson(tenant);
  else
    print(
      endpoints.length > 0
        ? `Devices of tenant ${id} in quarantine are sent to ${endpoints.join(', ')} from their next enrollment on.`
        : `Devices of tenant ${id} in quarantine get no certificate, unless their group has quarantine endpoints.`,
    );
}
