/**
 * The certificate that a profile would give, by what makes the real ones: names, composer, linter. Only the key and the
 * signature are nobody's.
 */

import type { Profile } from '../../ca/certificate-profile.ts';
import type { IssuingKey } from '../../ca/certification-authority.ts';
import { CertificateComposer } from '../../ca/compose-certificate.ts';
import { readDer } from '../../ca/der.ts';
import type { DeviceKeyType } from '../../ca/device-key-types.ts';
import { encodeName } from '../../ca/distinguished-name.ts';
import { canonicalGeneralName, type GeneralNameForm } from '../../ca/general-names.ts';
import { readPublicKey } from '../../ca/key-rules.ts';
import { requireWellFormedCertificate } from '../../ca/lint/lint-certificate.ts';
import { formOf } from '../../ca/name-pattern.ts';
import { makeSerialNumber } from '../../ca/serial-number.ts';
import { signStructure } from '../../ca/sign-structure.ts';
import { fillPlaceholders, placeholdersIn } from '../../ca/subject-template.ts';
import { validityOf } from '../../ca/validity.ts';
import { allocatePerTenant } from '../../enrollment/allocation/per-tenant.ts';
import {
  type Bearer,
  namesOf,
  permittedNames,
  subjectOf,
  valuesOf,
} from '../../enrollment/certified-names.ts';
import type { Device } from '../../enrollment/device.ts';
import type { Group } from '../../enrollment/group.ts';
import { defaultSettings } from '../../enrollment/group-settings.ts';
import { acceptedKeyTypes } from '../../enrollment/request-requirements.ts';
import type { Tenant } from '../../enrollment/tenant.ts';
import type { Config } from '../../server/config.ts';
import { statusUrlsOf } from '../../server/status/locations.ts';
import { usage } from '../exit.ts';
import { throwawayPublicKey, throwawaySigner } from './throwaway-key.ts';

export interface PreviewOrder {
  readonly profile: Profile;
  /** Asks for all names that it may have. */
  readonly bearer: Bearer;
  /** The first that group and profile accept where it is left out. */
  readonly keyType?: DeviceKeyType;
  /** The tenant's where they are left out. */
  readonly endpoints?: readonly string[];
}

/**
 * @returns the certificate, DER; signed as the issuer would, by a key that is not the issuer's
 * @throws Refusal where the device would get none; LintFindings
 */
export async function previewCertificate(
  { profile, bearer, keyType, endpoints }: PreviewOrder,
  { chain: { issuing }, algorithm, delegated }: IssuingKey,
  { status, serialPrefix, crl }: Pick<Config, 'status' | 'serialPrefix' | 'crl'>,
): Promise<Uint8Array> {
  const accepted = acceptedKeyTypes(bearer.group.settings, profile);
  const [first = 'P-256'] = accepted === 'none' ? [] : accepted;
  if (accepted === 'none' || (keyType && accepted.length > 0 && !accepted.includes(keyType)))
    throw usage(
      `The profile ${profile.name} and the group ${bearer.group.label} accept no such key.`,
    );
  const statusUrls = statusUrlsOf(status, issuing.id, { ocsp: delegated.ocsp !== undefined });
  const composer = new CertificateComposer(profile, {
    subject: issuing.subject,
    keyIdentifier: issuing.keyIdentifier,
    algorithm,
    ...(statusUrls ? { statusUrls } : {}),
    ...(crl.partitions === undefined ? {} : { crlPartitions: crl.partitions }),
  });
  const toBeSigned = composer.compose(
    {
      subject: encodeName(subjectOf(profile, bearer)),
      subjectAltNames: namesOf(permittedNames(profile, bearer), profile, bearer),
      publicKey: readPublicKey(readDer(await throwawayPublicKey(keyType ?? first))),
      endpoints: endpoints ?? allocatePerTenant(bearer.tenant),
    },
    makeSerialNumber(serialPrefix),
    validityOf(profile, issuing, new Date()),
  );
  requireWellFormedCertificate(toBeSigned, issuing);
  return signStructure(toBeSigned, await throwawaySigner(algorithm));
}

const imaginary = { device: 'example-device', tenant: 'example', group: 'example', serial: '0001' };
const places = ['region', 'site', 'building', 'manufacturer'] as const;

/**
 * A device that is not there, with the names that the profile always gives or asks for, and with all that it may say of a
 * device. @throws TypeError
 */
export function imaginaryBearer(
  { name, subject, subjectAltNames: { always, required, patterns } }: Profile,
  known: { readonly tenant: Tenant; readonly group: Group } | undefined,
): Bearer {
  const tenant = known?.tenant ?? {
    id: imaginary.tenant,
    endpoints: ['mqtts://broker.example:8883'],
    suspended: false,
  };
  const group = known?.group ?? {
    label: imaginary.group,
    tenant: tenant.id,
    settings: { ...defaultSettings, profile: name },
  };
  const { device: id, serial: serialNumber } = imaginary;
  // A country has a code, and anything else can be an example.
  const text = (placeholder: string) =>
    subject.some((each) => each.type === 'countryName' && each.text.includes(`{${placeholder}`))
      ? 'XX'
      : 'example';
  const context = placeholdersIn([...subject.map((each) => each.text), ...patterns])
    .filter((placeholder) => placeholder.startsWith('context.'))
    .map((placeholder) => [placeholder.slice('context.'.length), text(placeholder)]);
  const device: Device = {
    ...{ id, tenant: tenant.id, group: group.label, serialNumber, names: [], status: 'active' },
    ...Object.fromEntries(places.map((place) => [place, text(place)])),
    context: Object.fromEntries(context),
    role: name === 'registration-authority' ? name : 'device',
  };
  const values = valuesOf({ device, tenant, group });
  const names = [...new Set([...always, ...required])].map((form) => {
    const pattern = patterns.find((each) => formOf(each) === form) ?? examples[form];
    return canonicalGeneralName(fillPlaceholders(pattern, values).replaceAll('*', 'example'));
  });
  return { device: { ...device, names }, tenant, group };
}

const examples: Readonly<Record<GeneralNameForm, string>> = {
  DNS: 'DNS:{device}.example',
  IP: 'IP:192.0.2.1',
  URI: 'URI:urn:dev:{device}',
  email: 'email:{device}@example.com',
};
