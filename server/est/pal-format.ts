/**
 * The Package Availability List as XML or JSON (RFC 8295 section 2.1).
 */

/** PAL Package Types (RFC 8295 section 2.1.1), as far as there is something to point at. */
const packageTypes = {
  caCertificates: '0002',
  eeCertificates: '0003',
  crls: '0005',
  startWithAttributes: '0006',
  startEnrollment: '0007',
  startReenrollment: '0010',
} as const;
export type PackageType = keyof typeof packageTypes;

export interface PalEntry {
  readonly type: PackageType;
  /** Octets of the package, before base64; 0 asks the client to begin a transaction. */
  readonly size: number;
  /** Absolute. */
  readonly uri: string;
}

export interface PalFormat {
  readonly mediaType: string;
  write(entries: readonly PalEntry[]): string;
}

export const palFormats: readonly PalFormat[] = [
  { mediaType: 'application/xml', write: toXml },
  { mediaType: 'application/json', write: toJson },
];

/** RFC 8295 section 2.1.2. */
function toXml(entries: readonly PalEntry[]): string {
  const messages = entries.map(
    ({ type, size, uri }) =>
      `  <message><type>${packageTypes[type]}</type><size>${size}</size><info><uri>${escapeXml(uri)}</uri></info></message>\n`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<pal xmlns="urn:ietf:params:xml:ns:pal">\n${messages.join('')}</pal>\n`;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function escapeXml(text: string): string {
  return text.replace(/[&<>]/g, (character) => entities[character] ?? '');
}

/** RFC 8295 section 2.1.3. */
function toJson(entries: readonly PalEntry[]): string {
  const list = entries.map(({ type, size, uri }) => ({
    type: packageTypes[type],
    size,
    info: { uri },
  }));
  return `${JSON.stringify(list, null, 2)}\n`;
}
