/** Where the supervisor of a signer reports; the caller decides where that goes. Never given a PIN. */
export type SignerLog = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;
