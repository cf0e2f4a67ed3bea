import assert from 'node:assert/strict';
import { postBound } from '../channel-binding.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-14',
  level: 'SHOULD',
  source: 'RFC 7030 section 3.5',
  title: 'A refusal for missing linking information says that linking is required',
  test: async (server) => {
    const linking = server.label('linking');
    const applicant = await linking.newcomer();
    const answer = await postBound(linking, { applicant, attributes: () => [] });
    refused(answer, '4xx', 'a request without linking information');
    const text = answer.body.toString();
    assert.match(text, /linking|proof.of.possession|\bPOP\b/i, `the text is: ${text.trim()}`);
  },
};
