/**
 * The subject that a profile gives: attributes in their order, each a text with placeholders such as `{device}`. An
 * attribute with `{serial?}` is left out where there is no serial number.
 */

import { type NameAttribute, subjectAttributeRules } from './distinguished-name.ts';

export type SubjectAttribute = keyof typeof subjectAttributeRules;
export const subjectAttributes = Object.keys(subjectAttributeRules) as SubjectAttribute[];

export interface TemplateAttribute {
  readonly type: SubjectAttribute;
  readonly text: string;
}
export type SubjectTemplate = readonly TemplateAttribute[];

/** What stands for each placeholder; undefined where there is nothing. */
export type TemplateValues = Readonly<Record<string, string | undefined>>;

/** A name, or a name of a family such as `context.gearbox`; with a question mark where it may be missing. */
const placeholder = /\{([a-z]+(?:\.[A-Za-z0-9][A-Za-z0-9._-]*)?)(\?)?\}/g;
/** How a family stands in a list of placeholders: `context.NAME`. */
const anyMember = '.NAME';

/** Whether a list of placeholders has this one, by itself or in one of its families. */
export function isPlaceholder(name: string, placeholders: readonly string[]): boolean {
  const dot = name.indexOf('.');
  return placeholders.includes(dot < 0 ? name : name.slice(0, dot) + anyMember);
}

/** Placeholders as they are written, for sentences. */
export function describePlaceholders(placeholders: readonly string[]): string {
  return placeholders.map((name) => `{${name}}`).join(', ');
}

/** The placeholders in texts, each once. */
export function placeholdersIn(texts: readonly string[]): string[] {
  return [
    ...new Set(
      texts.flatMap((text) => [...text.matchAll(placeholder)].map(([, name = '']) => name)),
    ),
  ];
}

/** Puts the values in; what has none is left out without a word. */
export function fillPlaceholders(text: string, values: TemplateValues): string {
  return text.replace(placeholder, (_, name: string) => values[name] ?? '');
}

/** Whether an attribute is left out where a value is missing. */
export function isOptional({ text }: TemplateAttribute): boolean {
  return [...text.matchAll(placeholder)].some(([, , optional]) => optional !== undefined);
}

/** @returns why an attribute cannot stand in a template with these placeholders, or undefined */
export function attributeProblem(
  { type, text }: TemplateAttribute,
  placeholders: readonly string[],
): string | undefined {
  const unknown = [...text.matchAll(placeholder)].find(
    ([, name = '']) => !isPlaceholder(name, placeholders),
  );
  const known = describePlaceholders(placeholders);
  if (unknown) return `${unknown[0]} stands for nothing; there are ${known}.`;
  const fixed = text.replace(placeholder, '');
  if (/[{}]/.test(fixed)) return `a brace belongs to a placeholder: ${known}.`;
  if (fixed !== text) return valueProblem({ type, text: fixed }, { shortest: 0 });
  return valueProblem({ type, text });
}

/** What is wrong with the text of an attribute (RFC 5280 appendix A.1). */
function valueProblem(
  { type, text }: TemplateAttribute,
  { shortest = subjectAttributeRules[type].shortest ?? 1 } = {},
): string | undefined {
  const { longest, characters } = subjectAttributeRules[type];
  const { length } = [...text];
  if (length < shortest || length > longest)
    return `a ${type} has ${shortest === longest ? longest : `${Math.max(shortest, 1)} to ${longest}`} characters (RFC 5280 appendix A.1), and not ${length}.`;
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text) || !(characters?.test(text) ?? true))
    return `"${text}" has a character that a ${type} cannot have (RFC 5280 appendix A.1).`;
  return undefined;
}

/** @throws TypeError with a sentence, where a value is missing or an attribute cannot hold it */
export function renderSubject(template: SubjectTemplate, values: TemplateValues): NameAttribute[] {
  return template.flatMap(({ type, text }) => {
    const filled = renderText(text, values, type);
    if (filled === undefined) return [];
    const problem = valueProblem({ type, text: filled });
    if (problem) throw new TypeError(`The subject cannot be made: ${problem}`);
    return [{ type, text: filled }];
  });
}

function renderText(text: string, values: TemplateValues, type: string): string | undefined {
  let complete = true;
  const filled = text.replace(placeholder, (_, name: string, optional?: string) => {
    const value = values[name];
    if (value === undefined && !optional)
      throw new TypeError(
        `The ${type} of the subject takes a ${name}, and there is none; {${name}?} would leave it out.`,
      );
    complete &&= value !== undefined;
    return value ?? '';
  });
  return complete ? filled : undefined;
}
