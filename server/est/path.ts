/** Where a request goes: `/.well-known/est/OPERATION` or `/.well-known/est/LABEL/OPERATION` (RFC 7030 section 3.2.2). */
export interface EstPath {
  readonly label?: string;
  readonly operation: string;
}

const prefix = ['', '.well-known', 'est'];

/**
 * Reads the target of a request. Segments are split before they are decoded, so that an encoded slash stays inside its
 * segment; dot segments are not resolved. The query is ignored.
 * @returns undefined when it is no EST path
 */
export function readEstPath(target: string): EstPath | undefined {
  const query = target.indexOf('?');
  const segments = (query < 0 ? target : target.slice(0, query)).split('/').map(decodeSegment);
  if (segments.length < 4 || segments.length > 5) return undefined;
  if (prefix.some((segment, i) => segments[i] !== segment)) return undefined;
  const [first, second] = segments.slice(3);
  if (!first || second === '') return undefined;
  return second === undefined ? { operation: first } : { label: first, operation: second };
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
