// ANSI colours in log lines: text and its escape sequences in, pieces of text with their looks out.

export interface Piece {
  text: string;
  classes: string;
  // A colour beyond the sixteen that themes know, as CSS writes it.
  colour: string;
}

interface Look {
  bold: boolean;
  faint: boolean;
  italic: boolean;
  underline: boolean;
  inverse: boolean;
  front: string;
  back: string;
}

const PLAIN: Look = { bold: false, faint: false, italic: false, underline: false, inverse: false, front: "", back: "" };
// Colours and styles end with "m"; every other sequence (of cursors, titles and links) is left out of the text.
const SEQUENCE = /\x1b(?:\[([\d;:]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])/g;

export function pieces(line: string): Piece[] {
  if (!line.includes("\x1b")) return [{ text: line, classes: "", colour: "" }];
  const found: Piece[] = [];
  let look = PLAIN;
  let end = 0;
  for (const match of line.matchAll(SEQUENCE)) {
    add(found, line.slice(end, match.index), look);
    end = match.index + match[0].length;
    if (match[2] === "m") look = turned(look, match[1] ?? "");
  }
  add(found, line.slice(end), look);
  return found;
}

export function plain(line: string): string {
  return line.includes("\x1b") ? line.replace(SEQUENCE, "") : line;
}

function add(found: Piece[], text: string, look: Look): void {
  if (!text) return;
  const names = (["bold", "faint", "italic", "underline", "inverse"] as const).filter((name) => look[name]);
  const classes: string[] = names.map((name) => `ansi-${name}`);
  if (/^\d+$/.test(look.front)) classes.push(`ansi-${look.front}`);
  if (look.back) classes.push(`ansi-on-${look.back}`);
  found.push({ text, classes: classes.join(" "), colour: look.front.startsWith("rgb") ? look.front : "" });
}

function turned(look: Look, codes: string): Look {
  const numbers = codes === "" ? [0] : codes.split(/[;:]/).map(Number);
  let next = { ...look };
  for (let at = 0; at < numbers.length; at++) {
    const code = numbers[at]!;
    if (code === 38 || code === 48) {
      const [colour, used] = extended(numbers.slice(at + 1));
      at += used;
      if (code === 38) next.front = colour;
    } else next = simple(next, code);
  }
  return next;
}

function simple(look: Look, code: number): Look {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...look, bold: true };
  if (code === 2) return { ...look, faint: true };
  if (code === 3) return { ...look, italic: true };
  if (code === 4) return { ...look, underline: true };
  if (code === 7) return { ...look, inverse: true };
  if (code === 22) return { ...look, bold: false, faint: false };
  if (code === 23) return { ...look, italic: false };
  if (code === 24) return { ...look, underline: false };
  if (code === 27) return { ...look, inverse: false };
  if (code === 39) return { ...look, front: "" };
  if (code === 49) return { ...look, back: "" };
  if (code >= 30 && code <= 37) return { ...look, front: String(code - 30) };
  if (code >= 90 && code <= 97) return { ...look, front: String(code - 82) };
  if (code >= 40 && code <= 47) return { ...look, back: String(code - 40) };
  if (code >= 100 && code <= 107) return { ...look, back: String(code - 92) };
  return look;
}

// One of 256 colours (5;n) or any (2;r;g;b), and how many numbers it took.
function extended(numbers: number[]): [string, number] {
  if (numbers[0] === 2) return [rgb(numbers[1], numbers[2], numbers[3]), 4];
  if (numbers[0] !== 5) return ["", 1];
  const index = Math.min(255, Math.max(0, numbers[1] || 0));
  if (index < 16) return [String(index), 2];
  if (index >= 232) return [rgb(8 + (index - 232) * 10, 8 + (index - 232) * 10, 8 + (index - 232) * 10), 2];
  const level = (step: number) => (step ? 55 + step * 40 : 0);
  const cube = index - 16;
  return [rgb(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)), 2];
}

function rgb(...parts: (number | undefined)[]): string {
  return `rgb(${parts.map((part) => Math.min(255, Math.max(0, Math.round(part || 0)))).join(" ")})`;
}
