import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { algorithmOf, digestAuthorization, digestChallenges } from '../digest.ts';
import { postAnonymously } from '../flows.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'AUTH-07',
  level: 'MUST',
  source: 'RFC 7616 sections 3.3 and 3.7',
  title: 'Digest is offered with fresh nonces and qop "auth", SHA-256 before MD5',
  test: async (server) => {
    const view = server.label('digest');
    const challenges = digestChallenges(await postAnonymously(view));
    const [strongest] = challenges;
    assert.ok(strongest, 'no Digest challenge');
    for (const challenge of challenges) {
      const { realm, nonce, qop = '' } = challenge;
      const name = algorithmOf(challenge);
      assert.ok(realm && nonce, `the challenge for ${name} lacks realm or nonce`);
      assert.ok(qop.split(/[\s,]+/).includes('auth'), `qop of the challenge for ${name}: ${qop}`);
    }
    const algorithms = challenges.map(algorithmOf);
    assert.match(algorithms[0] ?? '', /^SHA-/, `the algorithms are ${algorithms.join(', ')}`);
    assert.equal(new Set(algorithms).size, algorithms.length, 'an algorithm comes twice');
    const [next] = digestChallenges(await postAnonymously(view));
    assert.notEqual(next?.nonce, strongest.nonce, 'the nonce of the next challenge');

    const { device, credential } = await view.newcomer();
    const uri = view.path('simpleenroll');
    const headers = { Authorization: digestAuthorization(strongest, credential, uri) };
    const request = certificateRequest(device, ecKey());
    const answer = await view.post('simpleenroll', request, { headers });
    answered(answer, 200, `a password by Digest with ${algorithmOf(strongest)}`);
  },
};
