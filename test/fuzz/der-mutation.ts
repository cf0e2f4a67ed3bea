/**
 * DER with the wrong things in it, and all its lengths right: what the octets of a mutated message hardly ever are.
 */

import fc from 'fast-check';
import { encode, tags } from '../../ca/der.ts';
import { edited, place } from './mutation.ts';

/** An element of the tree: with `inner` where it holds others, also inside an OCTET STRING or a BIT STRING. */
interface Node {
  readonly tag: number;
  /** Octets before the inner elements: the count of unused bits of a BIT STRING. */
  readonly head: Buffer;
  readonly content: Buffer;
  readonly inner: readonly Node[] | undefined;
}

/** The elements that fill the octets exactly, or undefined when they do not. */
function readNodes(octets: Buffer, depth: number): Node[] | undefined {
  const nodes: Node[] = [];
  for (let at = 0; at < octets.length; ) {
    const tag = octets[at] ?? 0;
    const first = octets[at + 1] ?? 0xff;
    const more = first < 0x80 ? 0 : first & 0x7f;
    const start = at + 2 + more;
    if ((tag & 0x1f) === 0x1f || tag === 0 || more > 3 || first === 0x80) return undefined;
    if (start > octets.length) return undefined;
    const length = more === 0 ? first : octets.readUIntBE(at + 2, more);
    if (start + length > octets.length) return undefined;
    nodes.push(readNode(tag, octets.subarray(start, start + length), depth));
    at = start + length;
  }
  return nodes;
}

function readNode(tag: number, content: Buffer, depth: number): Node {
  const bits = tag === tags.bitString ? 1 : 0;
  const holds = (tag & 0x20) !== 0 || tag === tags.octetString || bits > 0;
  const body = content.subarray(bits);
  const inner = holds && depth < 24 && body.length > 1 ? readNodes(body, depth + 1) : undefined;
  return { tag, head: content.subarray(0, bits), content, inner };
}

function write({ tag, head, content, inner }: Node): Buffer {
  return Buffer.from(encode(tag, ...(inner ? [head, ...inner.map(write)] : [content])));
}

const leaf = (tag: number, content: Uint8Array): Node => ({
  tag,
  head: Buffer.alloc(0),
  content: Buffer.from(content),
  inner: undefined,
});

function count(nodes: readonly Node[]): number {
  return nodes.reduce((sum, { inner }) => sum + 1 + count(inner ?? []), 0);
}

type NodeEdit = (node: Node, siblings: readonly Node[], index: number) => readonly Node[];

/** The nodes with the one at `position`, counted depth first, replaced by what the edit makes of it and its siblings. */
function editAt(nodes: readonly Node[], position: number, edit: NodeEdit): readonly Node[] {
  let left = position;
  for (const [index, node] of nodes.entries()) {
    if (left === 0) return edit(node, nodes, index);
    const within = count(node.inner ?? []);
    if (left <= within && node.inner) {
      const inner = editAt(node.inner, left - 1, edit);
      return nodes.with(index, { ...node, inner });
    }
    left -= 1 + within;
  }
  return nodes;
}

const someTags = [
  ...Object.values(tags),
  0x0a,
  0x80,
  0x81,
  0x82,
  0x86,
  0x87,
  0xa0,
  0xa1,
  0xa2,
  0xa3,
  0xa4,
  0xa5,
  0xa6,
  0xa9,
];

/** Contents at the edge of what a type can hold, and beyond. */
const contents = [
  Buffer.alloc(0),
  Buffer.of(0),
  Buffer.of(1),
  Buffer.of(0x7f),
  Buffer.of(0x80),
  Buffer.of(0xff),
  Buffer.of(0, 0xff),
  Buffer.of(0, 0xff, 0xff, 0xff, 0xff),
  Buffer.of(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  Buffer.alloc(300, 0x41),
  Buffer.concat([Buffer.of(0x2a), Buffer.alloc(40, 0xff), Buffer.of(0x7f)]),
  Buffer.from('device-1'),
  Buffer.from('a\u0000b\n\u202e\ud83d\ude00'),
  Buffer.from('99991231235959Z'),
  Buffer.from('000101000000Z'),
];

const others = new WeakMap<Buffer, readonly Node[]>();
function nodesOf(seed: Buffer): readonly Node[] {
  const nodes = others.get(seed) ?? readNodes(seed, 0) ?? [];
  others.set(seed, nodes);
  return nodes;
}

function nodeAt(nodes: readonly Node[], fraction: number): Node | undefined {
  let found: Node | undefined;
  editAt(nodes, Math.floor(fraction * count(nodes)), (node, siblings) => {
    found = node;
    return siblings;
  });
  return found;
}

function nodeEdits(seeds: readonly Buffer[]): fc.Arbitrary<NodeEdit> {
  return fc.oneof(
    fc.constant<NodeEdit>((_, siblings, index) => siblings.toSpliced(index, 1)),
    fc
      .integer({ min: 1, max: 20 })
      .map<NodeEdit>(
        (times) => (node, siblings, index) =>
          siblings.toSpliced(index, 0, ...Array.from({ length: times }, () => node)),
      ),
    fc
      .constantFrom(...someTags)
      .map<NodeEdit>((tag) => (node, siblings, index) => siblings.with(index, { ...node, tag })),
    fc.constantFrom(...contents).map<NodeEdit>(
      (content) =>
        ({ tag }, siblings, index) =>
          siblings.with(index, leaf(tag, content)),
    ),
    fc.uint8Array({ maxLength: 12 }).map<NodeEdit>(
      (content) =>
        ({ tag }, siblings, index) =>
          siblings.with(index, leaf(tag, content)),
    ),
    fc
      .tuple(fc.constantFrom(...someTags), fc.integer({ min: 1, max: 30 }))
      .map<NodeEdit>(([tag, times]) => (node, siblings, index) => {
        let wrapped = node;
        for (let i = 0; i < times; i++)
          wrapped = { tag, head: Buffer.alloc(0), content: Buffer.alloc(0), inner: [wrapped] };
        return siblings.with(index, wrapped);
      }),
    fc.constant<NodeEdit>((node, siblings, index) =>
      siblings.toSpliced(index, 1, ...(node.inner ?? [])),
    ),
    fc.constant<NodeEdit>((node, siblings, index) => [
      ...siblings.slice(0, index),
      ...siblings.slice(index + 1),
      node,
    ]),
    fc
      .tuple(fc.constantFrom(...seeds), place, fc.boolean())
      .map<NodeEdit>(([seed, where, instead]) => (_, siblings, index) => {
        const other = nodeAt(nodesOf(seed), where);
        return other ? siblings.toSpliced(index, instead ? 1 : 0, other) : siblings;
      }),
  );
}

/** A message near to one of the seeds, as its elements go; the seeds are DER. */
export function restructured(seeds: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const edits = fc.tuple(place, nodeEdits(seeds)).map(([where, edit]) => (octets: Buffer) => {
    const nodes = readNodes(octets, 0) ?? [];
    const changed = editAt(nodes, Math.floor(where * count(nodes)), edit);
    return Buffer.concat(changed.map(write));
  });
  return edited(seeds, edits, 3);
}
