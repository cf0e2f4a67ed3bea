/**
 * `bestow manufacturer test`: what a factory certificate would be taken for, before a device stands there with it.
 */

import { Command } from 'commander';
import {
  type FactoryCertificate,
  validateFactoryCertificate,
} from '../../ca/factory-certificate.ts';
import { subjectText } from '../../ca/path-validation/path-fault.ts';
import { Refusal } from '../../ca/refusal.ts';
import type { Caller } from '../../enrollment/authenticator.ts';
import { identityIn, isPinnedTo, requireHolder } from '../../enrollment/by-factory-certificate.ts';
import { FactoryTrustStore, type ManufacturerAnchor } from '../../enrollment/factory-trust.ts';
import { parseFieldSource } from '../../enrollment/field-source.ts';
import { checkManufacturer, type Manufacturer } from '../../enrollment/manufacturer.ts';
import { collect, type DataOption, withJson, withStores } from '../data.ts';
import { exitCodes, usage } from '../exit.ts';
import { printFields, printJson } from '../print.ts';
import { readCertificates } from '../read-certificates.ts';

export function manufacturerTestCommand(): Command {
  return withJson(new Command('test'))
    .description('does this certificate chain, where is its serial number, and what would it get?')
    .argument('<file>', "the device's certificate, alone or before those above it")
    .option('--chain <file>', 'what the device sends besides (repeat)', collect)
    .option('--anchor <file>', 'try with these trust anchors, of no manufacturer (repeat)', collect)
    .option('--serial-from <field>', 'with --anchor: where the serial number stands')
    .action(run);
}

interface TestOptions extends DataOption {
  readonly chain?: string[];
  readonly anchor?: string[];
  readonly serialFrom?: string;
  readonly json?: true;
}

/** What is known as far as it went; `refused` where it did not go on. */
interface Finding {
  readonly chains: boolean;
  readonly manufacturer?: string;
  readonly anchor?: string;
  readonly issuers?: readonly string[];
  readonly serialNumber?: string;
  readonly model?: string;
  readonly publicKeyDigest?: string;
  readonly notAfter?: Date;
  readonly device?: string;
  readonly tenant?: string;
  readonly group?: string;
  readonly refused?: string;
}

async function run(file: string, options: TestOptions): Promise<void> {
  const [certificate, ...rest] = readCertificates(file);
  if (!certificate) throw usage(`${file} holds no certificate.`);
  const chain = [...rest, ...(options.chain ?? []).flatMap(readCertificates)];
  const finding = await withStores(options, async ({ manufacturers }) => {
    const trial = trialManufacturer(options);
    const trust = new FactoryTrustStore().of(trial ? [trial] : await manufacturers.list());
    const verdict = await validateFactoryCertificate(certificate, chain, trust, new Date());
    if (!verdict.valid) return { chains: false, refused: verdict.fault.says };
    return examine(verdict.certificate, (maker, serialNumber) =>
      trial ? undefined : manufacturers.deviceOf(maker, serialNumber),
    );
  });
  if (options.json) printJson(finding);
  else printFields({ ...finding, notAfter: endOf(finding), issuers: finding.issuers?.join(' < ') });
  // A script asks by the exit code.
  if (finding.refused !== undefined) process.exitCode = exitCodes.failure;
}

/** Trust anchors that are only tried out. */
function trialManufacturer({ anchor, serialFrom }: TestOptions): Manufacturer | undefined {
  if (!anchor && serialFrom !== undefined)
    throw usage('--serial-from is for anchors that are only tried out: name them with --anchor.');
  if (!anchor) return undefined;
  return checkManufacturer({
    id: 'none',
    anchors: anchor.flatMap(readCertificates),
    intermediates: [],
    serialFrom: parseFieldSource(serialFrom ?? 'subject:serialNumber', 'serial'),
    models: [],
    tenants: [],
  });
}

type Known = Pick<Caller, 'device' | 'tenant' | 'group'>;

async function examine(
  certificate: FactoryCertificate<ManufacturerAnchor>,
  deviceOf: (maker: string, serialNumber: string) => Promise<Known | undefined> | undefined,
): Promise<Finding> {
  const { anchor, issuers, publicKeyDigest, notAfter } = certificate;
  let finding: Finding = {
    chains: true,
    manufacturer: anchor.manufacturer.id,
    anchor: `${subjectText(anchor.certificate)}, SHA-256 ${anchor.fingerprint}`,
    issuers,
    publicKeyDigest,
    notAfter,
  };
  try {
    const identity = identityIn(certificate);
    const { serialNumber, model } = identity;
    finding = { ...finding, serialNumber, ...(model === undefined ? {} : { model }) };
    const known = await deviceOf(anchor.manufacturer.id, serialNumber);
    const { device, tenant, group } = requireHolder(identity, known, undefined);
    finding = { ...finding, device: device.id, tenant: tenant.id, group: group.label };
    const refused = objectionTo({ device, tenant, group }, publicKeyDigest);
    return refused === undefined ? finding : { ...finding, refused };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ...finding, refused: error.message };
  }
}

function objectionTo({ device, group }: Known, publicKeyDigest: string): string | undefined {
  if (!isPinnedTo(device, publicKeyDigest))
    return `Device ${device.id} is pinned to another factory key (\`bestow device reset-factory ${device.id} --unpin\`).`;
  return group.settings.factoryUse === 'once' && device.factoryUsedAt
    ? `Device ${device.id} enrolled by it at ${device.factoryUsedAt.toISOString()}, and may once (\`bestow device reset-factory ${device.id}\`).`
    : undefined;
}

/** RFC 5280 section 4.1.2.5. */
function endOf({ notAfter }: Finding): string | undefined {
  return notAfter?.toISOString() === '9999-12-31T23:59:59.000Z' ? 'never' : notAfter?.toISOString();
}
