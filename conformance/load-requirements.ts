import { readdir } from 'node:fs/promises';
import type { Requirement } from './requirement.ts';
import { requirementIds } from './requirement-ids.ts';

const FOLDER = new URL('./requirements/', import.meta.url);

/** Reads every file of requirements/, in the order of the list, and holds each to the name of its file. */
export async function loadRequirements(only?: readonly string[]): Promise<Requirement[]> {
  const wanted = only?.map((id) => id.trim().toUpperCase());
  const found = new Map<string, Requirement>();
  for (const file of await readdir(FOLDER)) {
    const module = (await import(new URL(file, FOLDER).href)) as { requirement?: Requirement };
    const { requirement } = module;
    if (requirement === undefined || file !== `${requirement.id.toLowerCase()}.ts`) {
      throw new Error(`${file} does not export the requirement that its name promises`);
    }
    found.set(requirement.id, requirement);
  }
  const unknown = (wanted ?? []).filter((id) => !found.has(id));
  if (unknown.length > 0) throw new Error(`no such requirement: ${unknown.join(', ')}`);
  const unlisted = [...found.keys()].filter((id) => !requirementIds.includes(id));
  if (unlisted.length > 0) throw new Error(`not in requirement-ids.ts: ${unlisted.join(', ')}`);
  return requirementIds
    .filter((id) => wanted === undefined || wanted.includes(id))
    .flatMap((id) => found.get(id) ?? []);
}
