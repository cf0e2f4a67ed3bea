import assert from 'node:assert/strict';
import { bindingOf, linkedBy, postBound } from '../channel-binding.ts';
import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'POP-14',
  level: 'MAY',
  source: 'RFC 7030 section 3.5',
  title: 'Where linking is required, a request without it is refused with a reason',
  test: async (server) => {
    const linking = server.label('linking');
    const applicant = await linking.newcomer();
    const without = await postBound(linking, { applicant, attributes: () => [] });
    refused(without, '4xx', 'a request without channel binding');
    assert.match(without.body.toString(), /\w/, 'the refusal says nothing');
    const within = await postBound(linking, { applicant, attributes: linkedBy(bindingOf) });
    answered(within, 200, 'the same with channel binding');
  },
};
