import type { GroupSettings } from './group-settings.ts';

/** Answers to the questions of provisioning that go together, so that nobody starts from single switches. */
export interface ProvisioningTemplate {
  readonly name: string;
  /** For whom it is, in a few words. */
  readonly summary: string;
  readonly settings: Partial<GroupSettings>;
}

export const provisioningTemplates: readonly ProvisioningTemplate[] = [
  {
    name: 'one-time-password',
    summary: 'a password for each device, given to it before it comes',
    settings: { identity: 'registered', possession: 'one-time-password', trust: 'ca' },
  },
  {
    name: 'factory-known-owner',
    summary: 'factory certificate, known owner: the order list says whose it is',
    settings: { identity: 'factory-certificate', possession: 'order-list', trust: 'ca' },
  },
  {
    name: 'factory-and-password',
    summary: 'factory certificate, and a one-time password that its owner has',
    settings: { identity: 'factory-certificate', possession: 'one-time-password', trust: 'ca' },
  },
  {
    name: 'sticker',
    summary: 'sticker with pairing code, scanned or typed where it is installed',
    settings: { identity: 'registered', possession: 'pairing-code', trust: 'pairing' },
  },
  {
    name: 'display',
    summary: 'new device with a display: it shows a code, an operator types it',
    settings: { identity: 'generated', possession: 'shown-code', trust: 'staging' },
  },
  {
    name: 'batch',
    summary: 'a batch with one bootstrap credential, with quota and time window',
    settings: { identity: 'generated', possession: 'bootstrap-credential', trust: 'ca' },
  },
  {
    name: 'legacy',
    summary: 'legacy device, operator approves and gives it its id',
    settings: { identity: 'assigned', possession: 'none', trust: 'staging' },
  },
  {
    name: 'edge-first-use',
    summary: 'edge site, trust on first use: the first key of an expected device is its own',
    settings: { identity: 'registered', possession: 'none', trust: 'first-use' },
  },
];

export function provisioningTemplate(name: string): ProvisioningTemplate | undefined {
  return provisioningTemplates.find((each) => each.name === name);
}
