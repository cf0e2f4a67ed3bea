/**
 * An allocation policy as an operator writes it: YAML, read strictly and checked whole, with every problem named.
 */

import { parseDocument, stringify } from 'yaml';
import { z } from 'zod';
import { subjectAttributes } from '../../ca/subject-template.ts';
import type { AllocationPolicy } from '../../enrollment/allocation/allocation-policy.ts';
import {
  mostEntries,
  type PolicyProblem,
  problemsOf,
} from '../../enrollment/allocation/check-allocation-policy.ts';
import { CommandError, exitCodes } from '../exit.ts';

const text = z.string().min(1).max(512);
const endpoints = z.array(text).max(32);
const mapping = z.record(text, text);

const ownPlacements = [
  z.strictObject({ allocate: z.literal('tenant') }),
  z.strictObject({ allocate: z.literal('fixed'), endpoints }),
  z.strictObject({ allocate: z.literal('failover'), endpoints }),
  z.strictObject({
    allocate: z.literal('weighted'),
    brokers: z
      .array(z.strictObject({ id: text, weight: z.number().default(1), endpoints }))
      .max(mostEntries),
    alternatives: z.int().optional(),
  }),
] as const;
const webhookPlacement = z.strictObject({
  allocate: z.literal('webhook'),
  webhook: text,
  // Written out, since both have their price: devices that wait, or devices in the wrong place.
  otherwise: z.union([z.literal('refuse'), z.discriminatedUnion('allocate', ownPlacements)]),
});
const placement = z.discriminatedUnion('allocate', [...ownPlacements, webhookPlacement]);

const regionSource = z.discriminatedUnion('from', [
  z.strictObject({ from: z.literal('registry') }),
  z.strictObject({ from: z.literal('label'), regions: mapping.optional() }),
  z.strictObject({
    from: z.literal('certificate'),
    field: z.enum(subjectAttributes),
    regions: mapping.optional(),
  }),
  z.strictObject({ from: z.literal('network'), networks: mapping }),
]);

const quarantine = { quarantine: endpoints.optional() };
const policySchema = z.discriminatedUnion('allocate', [
  ownPlacements[0].extend(quarantine),
  ownPlacements[1].extend(quarantine),
  ownPlacements[2].extend(quarantine),
  ownPlacements[3].extend(quarantine),
  webhookPlacement.extend(quarantine),
  z.strictObject({
    allocate: z.literal('region'),
    regionFrom: z.array(regionSource).max(8),
    regions: z.record(text, placement),
    otherwise: placement.optional(),
    ...quarantine,
  }),
]);

const longestText = 1_048_576;

/** @throws CommandError that names all that is wrong */
export function readPolicy(yaml: string): AllocationPolicy {
  if (yaml.length > longestText) throw wrong([{ path: 'file', says: 'it is longer than 1 MiB.' }]);
  const document = parseDocument(yaml);
  if (document.errors.length > 0)
    throw wrong(
      document.errors.map(({ message }) => ({ path: 'YAML', says: message.split('\n')[0] ?? '' })),
    );
  return requirePolicy(document.toJS({ maxAliasCount: 100 }));
}

/** The same for what was put together from options. @throws CommandError */
export function requirePolicy(written: unknown): AllocationPolicy {
  const parsed = policySchema.safeParse(written);
  if (!parsed.success)
    throw wrong(
      parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), says: message })),
    );
  // What is left out is left out: the text of a policy has no undefined.
  const policy = JSON.parse(JSON.stringify(parsed.data)) as AllocationPolicy;
  const problems = problemsOf(policy);
  if (problems.length > 0) throw wrong(problems);
  return policy;
}

export function policyText(policy: AllocationPolicy): string {
  return stringify(policy);
}

const mostShown = 20;

function wrong(problems: readonly PolicyProblem[]): CommandError {
  const lines = problems
    .slice(0, mostShown)
    .map(({ path, says }) => `  ${path || 'top level'}: ${says}`);
  return new CommandError(
    exitCodes.usage,
    ['The allocation policy cannot be used:', ...lines].join('\n'),
  );
}
