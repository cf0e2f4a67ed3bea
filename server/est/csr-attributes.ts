import { encodeCsrAttributes } from '../../ca/csr-attributes.ts';
import { Refusal } from '../../ca/refusal.ts';
import type { Caller } from '../../enrollment/authenticator.ts';
import { authorize } from '../../enrollment/authorize.ts';
import type { Group } from '../../enrollment/group.ts';
import { announcementOf, sharedAnnouncement } from '../../enrollment/request-requirements.ts';
import { authenticateByCertificate } from './authenticate.ts';
import type { EstExchange } from './exchange.ts';
import { sendUnlessKnown, withEntityTag } from './send-message.ts';

/** Seconds. Short, since an operator's change is enforced at once. */
const freshness = 60;

/**
 * /csrattrs (RFC 7030 section 4.5.2, RFC 8951 section 4, RFC 9908): what is refused when it is missing is announced here, and
 * nothing else; 204 where that is nothing.
 */
export async function announceAttributes(exchange: EstExchange): Promise<void> {
  const { request, response, group } = exchange;
  const der = await attributesAt(exchange);
  // Without a label the answer is for this caller alone.
  response.setHeader('Cache-Control', `${group ? 'public' : 'private'}, max-age=${freshness}`);
  if (der) sendUnlessKnown({ request, response }, 'application/csrattrs', withEntityTag(der));
  else response.writeHead(204).end();
}

/**
 * CsrAttrs, DER, of the label's group; without a label that of the caller's, and where nobody is known what all groups have
 * in common. Undefined where nothing is asked for.
 */
export async function attributesAt(exchange: EstExchange): Promise<Uint8Array | undefined> {
  const { group, parts } = exchange;
  const caller = group ? undefined : await knownCaller(exchange);
  const own = group ?? caller?.group;
  const device = caller?.device ?? ({ role: 'device' } as const);
  const profileOf = (of: Group) => parts.profiles.of({ device, group: of });
  const announcement = own
    ? announcementOf(own.settings, profileOf(own))
    : sharedAnnouncement(await parts.tenants.groups({}), profileOf);
  return announcement && encodeCsrAttributes(announcement);
}

/** Nobody has to say who they are (RFC 7030 section 4.5): a certificate that will not do is as good as none. */
async function knownCaller({ request, parts, note }: EstExchange): Promise<Caller | undefined> {
  try {
    const caller = await authenticateByCertificate(request, parts.authenticators, undefined);
    note({ device: caller.device.id });
    return authorize({ operation: 'consult', caller, called: undefined }).caller;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}
