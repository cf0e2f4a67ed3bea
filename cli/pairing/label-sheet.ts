/**
 * Sheets of labels to print and cut: device id, pairing code, QR code. They are made one label after the other, so that
 * there can be many.
 */

import { extname } from 'node:path';
import { usage } from '../exit.ts';
import { qrSvg } from './qr-code.ts';

export interface Label {
  readonly device: string;
  /** As people read it. */
  readonly code: string;
  /** What the QR code says. */
  readonly uri: string;
  readonly expiresAt: Date;
}

export type SheetForm = 'html' | 'svg';

/** By the end of the file's name. @throws CommandError */
export function sheetFormOf(file: string): SheetForm {
  const form = extname(file).slice(1).toLowerCase();
  if (form !== 'html' && form !== 'svg')
    throw usage(`A sheet of labels is written as .html or .svg, not as ${file}.`);
  return form;
}

/**
 * The text of a sheet. HTML is laid out for A4, 24 labels on each page. SVG is one sheet as long as its labels.
 * @param count how many labels there will be
 */
export function labelSheet(
  labels: AsyncIterable<Label>,
  form: SheetForm,
  count: number,
): AsyncGenerator<string> {
  return form === 'html' ? htmlSheet(labels) : svgSheet(labels, count);
}

const columns = 3;
/** Millimetres. */
const width = 70;
const height = 37;

const style = `@page{size:A4;margin:0}
body{margin:0;font:3mm/1.3 sans-serif}
main{display:grid;grid-template-columns:repeat(${columns},${width}mm)}
article{box-sizing:border-box;height:${height}mm;padding:3mm;display:flex;gap:2mm;align-items:center;break-inside:avoid;overflow:hidden}
article svg{width:30mm;height:30mm;flex:none}
h2{font-size:3.4mm;margin:0;overflow-wrap:anywhere}
p{margin:1mm 0 0}
.code{font:bold 4mm/1.2 monospace}`;

async function* htmlSheet(labels: AsyncIterable<Label>): AsyncGenerator<string> {
  yield `<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Pairing codes</title>\n<style>${style}</style>\n<main>\n`;
  for await (const { device, code, uri, expiresAt } of labels)
    yield `<article>${qrSvg(uri)}<div><h2>${escaped(device)}</h2><p class="code">${escaped(inTwoLines(code).join(' '))}</p><p>until ${dayOf(expiresAt)}</p></div></article>\n`;
  yield '</main></html>\n';
}

async function* svgSheet(labels: AsyncIterable<Label>, count: number): AsyncGenerator<string> {
  const size = [columns * width, Math.ceil(count / columns) * height] as const;
  yield `<svg xmlns="http://www.w3.org/2000/svg" width="${size[0]}mm" height="${size[1]}mm" viewBox="0 0 ${size.join(' ')}">\n<path fill="#fff" d="M0 0h${size[0]}v${size[1]}H0z"/>\n`;
  let number = 0;
  for await (const label of labels) {
    const place = [(number % columns) * width, Math.floor(number / columns) * height];
    yield `<g transform="translate(${place.join(' ')})">${svgLabel(label)}</g>\n`;
    number += 1;
  }
  yield '</svg>\n';
}

function svgLabel({ device, code, uri, expiresAt }: Label): string {
  const line = (text: string, y: number, font: string) =>
    `<text x="34" y="${y}" ${font} textLength="${Math.min(33, text.length * 2)}" lengthAdjust="spacingAndGlyphs">${escaped(text)}</text>`;
  const codes = inTwoLines(code).map((part, i) =>
    line(part, 17 + i * 5, 'font-family="monospace" font-size="4" font-weight="bold"'),
  );
  const sans = 'font-family="sans-serif" font-size="3"';
  return [
    qrSvg(uri, ' x="3" y="3.5" width="30" height="30"'),
    line(device, 10, sans),
    ...codes,
    line(`until ${dayOf(expiresAt)}`, 29, sans),
  ].join('');
}

/** A long code is too wide for one. */
function inTwoLines(code: string): string[] {
  return code.match(/^(.{9})-(.{9})$/)?.slice(1) ?? [code];
}

function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
