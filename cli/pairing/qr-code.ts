/** QR codes (ISO/IEC 18004) for terminals, as SVG and as PNG: dark on light, with the quiet zone of four modules. */

import { PNG } from 'pngjs';
import encodeQr from 'qr';

const quietZone = 4;

/** `true` is dark. */
function modulesOf(text: string): boolean[][] {
  return encodeQr(text, 'raw', { ecc: 'medium', border: quietZone });
}

/** Half blocks in black on white, whatever the colours of the terminal are. */
export function qrInTerminal(text: string): string {
  const rows = modulesOf(text);
  const lines: string[] = [];
  for (let y = 0; y < rows.length; y += 2) {
    const cells = rows[y]?.map((dark, x) => halfBlocks[`${dark}-${rows[y + 1]?.[x] ?? false}`]);
    lines.push(`\u001b[30;107m${cells?.join('')}\u001b[0m`);
  }
  return lines.join('\n');
}

/** Upper and lower module. */
const halfBlocks: Record<`${boolean}-${boolean}`, string> = {
  'true-true': '█',
  'true-false': '▀',
  'false-true': '▄',
  'false-false': ' ',
};

/**
 * @param attributes of the svg element, where it stands inside of another document
 * @returns an svg element
 */
export function qrSvg(text: string, attributes = ''): string {
  const rows = modulesOf(text);
  const path = rows.map((row, y) =>
    runsOf(row).map(([x, width]) => `M${x} ${y}h${width}v1h-${width}z`),
  );
  const size = rows.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}"${attributes}><path fill="#fff" d="M0 0h${size}v${size}H0z"/><path d="${path.flat().join('')}"/></svg>`;
}

/** Where dark modules begin in a row, and how many stand there together. */
function runsOf(row: readonly boolean[]): [start: number, length: number][] {
  const runs: [number, number][] = [];
  for (const [x, dark] of row.entries()) {
    const last = runs.at(-1);
    if (!dark) continue;
    if (last && last[0] + last[1] === x) last[1] += 1;
    else runs.push([x, 1]);
  }
  return runs;
}

/** @param scale pixels of a module */
export function qrPng(text: string, scale = 8): Buffer {
  const rows = modulesOf(text);
  const size = rows.length * scale;
  const image = new PNG({ width: size, height: size, colorType: 0 });
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const dark = rows[Math.floor(y / scale)]?.[Math.floor(x / scale)];
      image.data.fill(dark ? 0 : 255, (y * size + x) * 4, (y * size + x) * 4 + 3);
      image.data[(y * size + x) * 4 + 3] = 255;
    }
  return PNG.sync.write(image, { colorType: 0 });
}
