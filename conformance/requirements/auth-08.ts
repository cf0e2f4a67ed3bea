import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { type DigestChallenge, digestAuthorization, digestChallenges } from '../digest.ts';
import type { EstServer } from '../est-server.ts';
import { postAnonymously } from '../flows.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'AUTH-08',
  level: 'MUST',
  source: 'RFC 7616 sections 3.3, 3.4 and 5.5',
  title: 'Digest responses that are replayed, stale or for another URI are refused',
  test: async (server) => {
    const view = server.label('digest');
    const { device, credential } = await view.newcomer();
    const uri = view.path('simpleenroll');
    const send = (Authorization: string, subject = device) =>
      view.post('simpleenroll', certificateRequest(subject, ecKey()), {
        headers: { Authorization },
      });

    const elsewhere = digestAuthorization(await freshChallenge(view), credential, `${uri}/other`);
    answered(await send(elsewhere), 401, 'a response for another URI');

    const challenge = await freshChallenge(view);
    const unknown = { ...challenge, nonce: `${challenge.nonce?.slice(0, -4)}AAAA` };
    const stale = await send(digestAuthorization(unknown, credential, uri));
    answered(stale, 401, 'a response to a nonce that was never given');
    const told = digestChallenges(stale).map((each) => each.stale?.toLowerCase());
    assert.ok(told.includes('true'), 'the challenge does not say that the nonce is stale');

    // The name of somebody else is refused only after the password was found right, and spends nothing.
    const once = digestAuthorization(challenge, credential, uri);
    answered(await send(once, `${device}-not`), 403, 'a name of somebody else');
    answered(await send(once), 401, 'the same Authorization header once more');
    const fresh = digestAuthorization(await freshChallenge(view), credential, uri);
    answered(await send(fresh), 200, 'the same password with a fresh nonce');
  },
};

async function freshChallenge(server: EstServer): Promise<DigestChallenge> {
  const [challenge] = digestChallenges(await postAnonymously(server));
  assert.ok(challenge, 'no Digest challenge');
  return challenge;
}
