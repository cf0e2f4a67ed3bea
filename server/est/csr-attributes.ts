import { encode, tags } from '../../ca/der.ts';
import { oid } from '../../ca/object-identifiers.ts';
import type { EstExchange } from './exchange.ts';
import { sendMessage } from './send-message.ts';

/** Both carriers of linking information, for older and newer clients (RFC 7894 section 4). */
const linkingAttributes = encode(tags.sequence, oid.challengePassword, oid.estIdentityLinking);

/**
 * /csrattrs (RFC 7030 section 4.5.2, RFC 8951 section 4): what is refused when it is missing is announced here, and nothing
 * else. Without a label that is what every group requires, since who asks is not known.
 */
export async function announceAttributes({
  request,
  response,
  parts,
  group,
}: EstExchange): Promise<void> {
  const groups = group ? [group] : await parts.tenants.groups({});
  const required = groups.length > 0 && groups.every(({ linking }) => linking === 'required');
  if (!required) {
    response.writeHead(204).end();
    return;
  }
  sendMessage({ request, response }, 'application/csrattrs', linkingAttributes);
}
