import { usage } from './exit.ts';

/** As openssl prints it, with or without colons. @throws CommandError */
export function serialOf(text: string): string {
  const serial = text.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{2,40}$/.test(serial))
    throw usage(`"${text}" is not a serial number in hexadecimal.`);
  return serial;
}
