import { Command } from 'commander';
import { subjectText } from '../../ca/path-validation/path-fault.ts';
import { readTrustAnchor } from '../../ca/path-validation/trust-anchor.ts';
import { describeFieldSource, parseFieldSource } from '../../enrollment/field-source.ts';
import {
  checkManufacturer,
  type Manufacturer,
  requireApart,
} from '../../enrollment/manufacturer.ts';
import { certificatesOfCa, loadCa } from '../certification-authority.ts';
import { collect, type DataOption, operator, withJson, withStores } from '../data.ts';
import { conflict, notFound } from '../exit.ts';
import { print, printFields, printJson, printTable } from '../print.ts';
import { readCertificates } from '../read-certificates.ts';
import { manufacturerTestCommand } from './manufacturer-test.ts';

export function manufacturerCommand(): Command {
  const manufacturer = new Command('manufacturer').description(
    'manufacturers whose factory certificates (IEEE 802.1AR IDevID) identify devices of the registry',
  );
  withJson(manufacturer.command('add'))
    .description('trust a manufacturer to say which of its devices is which')
    .argument('<id>')
    .requiredOption('--anchor <file>', 'trust anchors, PEM or DER (repeat)', collect)
    .option('--intermediate <file>', 'CA certificates that devices do not send (repeat)', collect)
    .requiredOption(
      '--serial-from <field>',
      'where the serial number stands: a field such as subject:serialNumber, or subject:commonName=Pump-{serial}',
    )
    .option('--model-from <field>', 'where the model stands, in the same way with {model}')
    .option('--model <text>', 'accept this model; any when left out (repeat)', collect)
    .option('--tenant <id>', 'for devices of this tenant; of any when left out (repeat)', collect)
    .action(add);
  withJson(manufacturer.command('list')).description('list manufacturers').action(list);
  withJson(manufacturer.command('show'))
    .description('show a manufacturer with its trust anchors')
    .argument('<id>')
    .action(show);
  withJson(manufacturer.command('remove'))
    .description('trust a manufacturer no more; certificates that its devices got stay good')
    .argument('<id>')
    .option('--force', 'though devices name it: they lose their factory identity')
    .action(remove);
  manufacturer.addCommand(manufacturerTestCommand());
  return manufacturer;
}

interface AddOptions extends DataOption {
  readonly anchor: string[];
  readonly intermediate?: string[];
  readonly serialFrom: string;
  readonly modelFrom?: string;
  readonly model?: string[];
  readonly tenant?: string[];
  readonly json?: true;
}

async function add(id: string, options: AddOptions): Promise<void> {
  const { anchor, intermediate = [], serialFrom, modelFrom, model = [], tenant = [] } = options;
  const manufacturer = checkManufacturer({
    id,
    anchors: anchor.flatMap(readCertificates),
    intermediates: intermediate.flatMap(readCertificates),
    serialFrom: parseFieldSource(serialFrom, 'serial'),
    ...(modelFrom === undefined ? {} : { modelFrom: parseFieldSource(modelFrom, 'model') }),
    models: [...new Set(model)],
    tenants: [...new Set(tenant)],
  });
  const outcome = await withStores(options, async (stores) => {
    requireApart(manufacturer, certificatesOfCa(await loadCa(stores)));
    return stores.manufacturers.add(manufacturer, operator(), new Date());
  });
  if (outcome.kind === 'refused') throw conflict(outcome.reason);
  if (outcome.kind === 'exists') throw conflict(`There is a manufacturer ${id} already.`);
  if (options.json) printJson(shown(outcome.value));
  else
    print(
      `Manufacturer ${id} is added. Register its devices with \`bestow device add ID --manufacturer ${id} --serial-number S\`; their group must accept factory certificates.`,
    );
}

async function list(options: DataOption & { json?: true }): Promise<void> {
  const all = await withStores(options, ({ manufacturers }) => manufacturers.list());
  if (options.json) printJson(all.map(shown));
  else
    printTable(
      all.map(({ id, anchors, serialFrom, models, tenants }) => ({
        id,
        anchors: anchors.length,
        'serial-from': describeFieldSource(serialFrom),
        models: models.length > 0 ? models : 'any',
        tenants: tenants.length > 0 ? tenants : 'any',
      })),
      'There are no manufacturers.',
    );
}

async function show(id: string, options: DataOption & { json?: true }): Promise<void> {
  const found = await withStores(options, ({ manufacturers }) => manufacturers.find(id));
  if (!found) throw notFound(`There is no manufacturer ${id}.`);
  if (options.json) printJson(shown(found));
  else {
    const { anchors, intermediates, ...rest } = shown(found);
    const line = ({ subject, notAfter, fingerprint }: ShownCertificate) =>
      `${subject}, until ${notAfter.toISOString()}, SHA-256 ${fingerprint}`;
    printFields(rest);
    for (const each of anchors) print(`trust anchor: ${line(each)}`);
    for (const each of intermediates) print(`intermediate: ${line(each)}`);
  }
}

async function remove(
  id: string,
  options: DataOption & { force?: true; json?: true },
): Promise<void> {
  const outcome = await withStores(options, ({ manufacturers }) =>
    manufacturers.remove(id, options.force ?? false, operator(), new Date()),
  );
  if (outcome.kind === 'unknown') throw notFound(`There is no manufacturer ${id}.`);
  if (outcome.kind === 'in-use')
    throw conflict(
      `Devices name the manufacturer ${id} (${outcome.devices}); with --force they lose their factory identity.`,
    );
  if (options.json) printJson({ id, ...outcome });
  else print(`Manufacturer ${id} is removed; devices that named it: ${outcome.devices}.`);
}

interface ShownCertificate {
  readonly subject: string;
  readonly notAfter: Date;
  readonly fingerprint: string;
}

function shown({ anchors, intermediates, serialFrom, modelFrom, ...rest }: Manufacturer) {
  return {
    ...rest,
    serialFrom: describeFieldSource(serialFrom),
    ...(modelFrom ? { modelFrom: describeFieldSource(modelFrom) } : {}),
    anchors: anchors.map(shownCertificate),
    intermediates: intermediates.map(shownCertificate),
  };
}

function shownCertificate(der: Uint8Array): ShownCertificate {
  const { certificate, fingerprint } = readTrustAnchor(der);
  return { subject: subjectText(certificate), notAfter: certificate.notAfter, fingerprint };
}
