/**
 * What a server can be set to and another not: the caller names a label of it where each holds, and what needs one that
 * was not named is skipped.
 */
export const labels = {
  linking: 'a request without channel binding is refused (RFC 7030 section 3.5)',
  approval: 'a person approves each certificate; needs --approve-command and --reject-command',
  digest: 'passwords are sent by HTTP Digest (RFC 7616), and by Basic if the server likes',
  both: 'a client certificate and a password are demanded together',
  'subject-change':
    'changeSubjectName is accepted (RFC 6402), and a device may have the dNSName DEVICE.example',
  'server-keys': '/serverkeygen makes keys, and may send them protected by TLS alone',
  'encrypted-keys': '/serverkeygen makes keys, and sends them only encrypted',
  profile: 'keys are P-384, and requests must have commonName and extKeyUsage',
  factory:
    'factory certificates of listed devices are accepted, and changeSubjectName; needs --factory-command',
  'no-factory': 'no factory certificate is accepted; needs --factory-command',
  cmc: 'a password may serve as shared secret in /fullcmc',
} as const;

export type LabelName = keyof typeof labels;

/** Labels by the names above, as the caller gave them. */
export type Labels = Readonly<Partial<Record<LabelName, string>>>;
