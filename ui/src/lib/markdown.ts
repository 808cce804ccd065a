// Markdown as a tree of plain values. Nothing in it is ever HTML: what writes it into the page can only make the
// elements that are named here, and tags in the text stay text. Each character is looked at a bounded number of times.

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "code"; text: string }
  | { kind: "break" }
  | { kind: "strong" | "em" | "del"; inside: Inline[] }
  | { kind: "link"; href: string; inside: Inline[] };

export type Align = "" | "left" | "center" | "right";

export type Block =
  | { kind: "heading"; level: number; inside: Inline[] }
  | { kind: "paragraph"; inside: Inline[] }
  | { kind: "code"; text: string; language: string }
  | { kind: "quote"; blocks: Block[] }
  | { kind: "list"; start: number | null; items: Block[][] }
  | { kind: "table"; align: Align[]; head: Inline[][]; rows: Inline[][][] }
  | { kind: "rule" };

// What is longer is shown as text from there on; what is nested deeper is not taken apart any further.
const MOST = 50_000;
const DEEPEST = 8;
const LONGEST_LINK = 2_000;
const PROTOCOLS = new Set(["http:", "https:", "mailto:"]);

export function parse(source: string): Block[] {
  const lines = source.slice(0, MOST).replaceAll("\0", "\ufffd").replaceAll("\r\n", "\n").split("\n");
  const blocks = blocksOf(lines.map(untabbed), 0);
  if (source.length > MOST) blocks.push({ kind: "code", text: source.slice(MOST), language: "" });
  return blocks;
}

// Where a link may lead: to the web, to a mailbox, or to another view of this page; null for anywhere else.
export function safe(href: string): string | null {
  if (href.startsWith("#/")) return href;
  try {
    return PROTOCOLS.has(new URL(href).protocol) ? href : null;
  } catch {
    return null;
  }
}

// --- blocks ---

const FENCE = /^ {0,3}(`{3,}|~{3,}) *([\w+#.-]*)/;
const HEADING = /^ {0,3}(#{1,6}) +/;
const RULE = /^ {0,3}([-*_])(?: *\1){2,} *$/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])( +|$)/;
const QUOTE = /^ {0,3}> ?/;

function blocksOf(lines: string[], depth: number): Block[] {
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    if (!lines[at]!.trim()) at += 1;
    else {
      const [block, next] = blockAt(lines, at, depth);
      blocks.push(block);
      at = next;
    }
  }
  return blocks;
}

// The block that begins at this line, and the line behind it.
function blockAt(lines: string[], at: number, depth: number): [Block, number] {
  const line = lines[at]!;
  const fence = FENCE.exec(line);
  if (fence) return fenced(lines, at, fence);
  const heading = HEADING.exec(line);
  if (heading) {
    const text = line.slice(heading[0].length).trimEnd();
    return [{ kind: "heading", level: heading[1]!.length, inside: inlines(text.replace(/ #+$/, "")) }, at + 1];
  }
  if (RULE.test(line)) return [{ kind: "rule" }, at + 1];
  if (depth < DEEPEST && QUOTE.test(line)) return quoted(lines, at, depth);
  if (depth < DEEPEST && ITEM.test(line)) return listed(lines, at, depth);
  if (line.includes("|") && isDelimiter(lines[at + 1])) return table(lines, at);
  return paragraph(lines, at);
}

function fenced(lines: string[], at: number, fence: RegExpExecArray): [Block, number] {
  const mark = fence[1]!;
  const found: string[] = [];
  let next = at + 1;
  while (next < lines.length && !isEnd(lines[next]!, mark)) found.push(lines[next++]!);
  return [{ kind: "code", text: found.join("\n"), language: fence[2]! }, next + 1];
}

function isEnd(line: string, mark: string): boolean {
  const text = line.trim();
  return text.length >= mark.length && text === mark[0]!.repeat(text.length);
}

function quoted(lines: string[], at: number, depth: number): [Block, number] {
  const inside: string[] = [];
  let next = at;
  while (next < lines.length && QUOTE.test(lines[next]!)) inside.push(lines[next++]!.replace(QUOTE, ""));
  return [{ kind: "quote", blocks: blocksOf(inside, depth + 1) }, next];
}

function listed(lines: string[], at: number, depth: number): [Block, number] {
  const first = ITEM.exec(lines[at]!)!;
  const sort = first[2]!.at(-1)!;
  const items: Block[][] = [];
  let next = at;
  for (;;) {
    const mark = next < lines.length ? ITEM.exec(lines[next]!) : null;
    if (mark?.[2]!.at(-1) !== sort || RULE.test(lines[next]!)) break;
    // What belongs to an item is as far in as its first word.
    const indent = Math.min(mark[0].length, mark[1]!.length + mark[2]!.length + 1);
    const inside = [lines[next]!.slice(mark[0].length)];
    next += 1;
    while (next < lines.length && belongs(lines, next, indent)) inside.push(lines[next++]!.slice(indent));
    items.push(blocksOf(inside, depth + 1));
  }
  const isOrdered = sort === "." || sort === ")";
  return [{ kind: "list", start: isOrdered ? parseInt(first[2]!, 10) : null, items }, next];
}

function belongs(lines: string[], at: number, indent: number): boolean {
  const line = lines[at]!;
  if (line.trim()) return line.startsWith(" ".repeat(indent));
  const after = lines[at + 1] ?? "";
  return after.startsWith(" ".repeat(indent)) && after.trim() !== "";
}

function isDelimiter(line: string | undefined): boolean {
  return line !== undefined && line.includes("-") && cells(line).every((cell) => /^:?-+:?$/.test(cell));
}

function table(lines: string[], at: number): [Block, number] {
  const head = cells(lines[at]!).map(inlines);
  const align = cells(lines[at + 1]!).map<Align>((cell) => {
    if (cell.endsWith(":")) return cell.startsWith(":") ? "center" : "right";
    return cell.startsWith(":") ? "left" : "";
  });
  const rows: Inline[][][] = [];
  let next = at + 2;
  while (next < lines.length && lines[next]!.includes("|")) {
    const row = cells(lines[next++]!);
    rows.push(head.map((_, column) => inlines(row[column] ?? "")));
  }
  return [{ kind: "table", align, head, rows }, next];
}

// A bar behind a backslash is part of its cell.
function cells(line: string): string[] {
  const found = line.trim().replace(/^\|/, "").split(/(?<!\\)\|/);
  if (found.length > 1 && !found.at(-1)!.trim()) found.pop();
  return found.map((cell) => cell.replaceAll("\\|", "|").trim());
}

function paragraph(lines: string[], at: number): [Block, number] {
  let next = at + 1;
  while (next < lines.length && lines[next]!.trim() && !begins(lines[next]!)) next += 1;
  return [{ kind: "paragraph", inside: inlines(lines.slice(at, next).map((line) => line.trimStart()).join("\n")) }, next];
}

function begins(line: string): boolean {
  return [FENCE, HEADING, RULE, QUOTE, ITEM].some((pattern) => pattern.test(line));
}

function untabbed(line: string): string {
  return line.replace(/^[ \t]+/, (blank) => blank.replaceAll("\t", "    "));
}

// --- inlines ---

interface Open {
  mark: "*" | "_" | "**" | "__" | "~~" | "[" | "![";
  // Where what is inside begins among the pieces.
  from: number;
}

const KINDS = { "*": "em", _: "em", "**": "strong", __: "strong", "~~": "del" } as const;
// What may mean something; everything between is text.
const SPECIAL = /[\\`*_~[\]<\n]|!(?=\[)|https?:\/\//g;
const PUNCTUATION = /[!-/:-@[-`{-~]/;
const BARE = /https?:\/\/[^\s<>"'`|\\^{}[\]]{1,2000}/y;
const MOST_OPEN = 12;

export function inlines(text: string): Inline[] {
  return new InlineReader(text).read();
}

class InlineReader {
  #pieces: Inline[] = [];
  #open: Open[] = [];
  // Lengths of runs of backticks of which none is left.
  #unclosed = new Set<number>();
  #at = 0;

  constructor(private readonly text: string) {}

  read(): Inline[] {
    const { text } = this;
    while (this.#at < text.length) {
      SPECIAL.lastIndex = this.#at;
      const special = SPECIAL.exec(text)?.index ?? text.length;
      this.#add(text.slice(this.#at, special));
      this.#at = special;
      if (special < text.length) this.#special(text[special]!);
    }
    while (this.#open.length) this.#giveUp();
    return this.#pieces;
  }

  #special(character: string): void {
    if (character === "\\") this.#escaped();
    else if (character === "`") this.#code();
    else if (character === "\n") this.#line();
    else if (character === "<" || character === "h") this.#address(character);
    else if (character === "[") this.#begin("[");
    else if (character === "!") this.#begin("![");
    else if (character === "]") this.#link();
    else this.#emphasis(character);
  }

  #add(text: string): void {
    const last = this.#pieces.at(-1);
    // What an open mark will take must not grow together with what stands before it.
    const isApart = this.#pieces.length === (this.#open.at(-1)?.from ?? 0);
    if (!text) return;
    if (last?.kind === "text" && !isApart) last.text += text;
    else this.#pieces.push({ kind: "text", text });
  }

  #escaped(): void {
    const next = this.text[this.#at + 1];
    if (next === "\n") {
      this.#pieces.push({ kind: "break" });
      this.#at += 2;
    } else if (next !== undefined && PUNCTUATION.test(next)) {
      this.#add(next);
      this.#at += 2;
    } else this.#plain(1);
  }

  #plain(length: number): void {
    this.#add(this.text.slice(this.#at, this.#at + length));
    this.#at += length;
  }

  #code(): void {
    const { text } = this;
    const length = runLength(text, this.#at);
    const from = this.#at + length;
    if (!this.#unclosed.has(length)) {
      for (let end = text.indexOf("`", from); end >= 0; ) {
        const found = runLength(text, end);
        if (found === length) {
          const inside = text.slice(from, end).replaceAll("\n", " ");
          const isPadded = inside.startsWith(" ") && inside.endsWith(" ") && inside.trim() !== "";
          this.#pieces.push({ kind: "code", text: isPadded ? inside.slice(1, -1) : inside });
          this.#at = end + length;
          return;
        }
        end = text.indexOf("`", end + found);
      }
      this.#unclosed.add(length);
    }
    this.#plain(length);
  }

  #line(): void {
    // The source is asked: the text that has been put together is dear to look at again and again.
    const isBreak = this.text.slice(Math.max(0, this.#at - 2), this.#at) === "  ";
    if (isBreak) this.#pieces.push({ kind: "break" });
    else this.#add("\n");
    this.#at += 1;
  }

  #address(first: string): void {
    BARE.lastIndex = first === "<" ? this.#at + 1 : this.#at;
    const found = BARE.exec(this.text)?.[0];
    const isIn = this.#open.some((open) => open.mark.endsWith("["));
    if (!found || isIn || (first === "<" && this.text[BARE.lastIndex] !== ">")) {
      this.#plain(1);
      return;
    }
    // A full stop or bracket at the end is the sentence's.
    const href = first === "<" ? found : found.replace(/[.,;:!?)]{1,9}$/, "");
    this.#pieces.push({ kind: "link", href, inside: [{ kind: "text", text: href }] });
    this.#at += href.length + (first === "<" ? 2 : 0);
  }

  #begin(mark: Open["mark"]): void {
    if (this.#open.length >= MOST_OPEN) this.#plain(mark.length);
    else {
      this.#open.push({ mark, from: this.#pieces.length });
      this.#at += mark.length;
    }
  }

  #link(): void {
    const at = this.#open.findLastIndex((open) => open.mark.endsWith("["));
    const target = at < 0 ? null : this.#target();
    const href = target === null ? null : safe(target.href);
    if (at >= 0) while (this.#open.length > at + 1) this.#giveUp();
    if (target === null || href === null) {
      if (at >= 0) this.#giveUp();
      this.#plain(1);
      return;
    }
    const { from } = this.#open.pop()!;
    this.#pieces.push({ kind: "link", href, inside: this.#pieces.splice(from) });
    this.#at += target.length + 3;
  }

  // The address between the round brackets behind a square one, and how long all between them is; null without them.
  #target(): { href: string; length: number } | null {
    if (this.text[this.#at + 1] !== "(") return null;
    const within = this.text.slice(this.#at + 2, this.#at + LONGEST_LINK);
    // Between "<" and ">", an address may have round brackets and blanks of its own.
    const close = within.startsWith("<") ? within.indexOf(">") : -1;
    const length = within.indexOf(")", Math.max(close, 0));
    if (length < 0) return null;
    // Else without what some write behind it: a title between quotes.
    const href = close < 0 ? within.slice(0, length).trim().split(/\s/, 1)[0]! : within.slice(1, close);
    return { href, length };
  }

  #emphasis(character: string): void {
    const { text } = this;
    const isDouble = text[this.#at + 1] === character;
    const mark = (isDouble ? character + character : character) as Open["mark"];
    if (!(mark in KINDS)) {
      this.#plain(1);
      return;
    }
    const before = text[this.#at - 1] ?? " ";
    const after = text[this.#at + mark.length] ?? " ";
    // Within a word, "_" is a part of its name.
    const isWord = (one: string): boolean => character === "_" && /\w/.test(one);
    const at = this.#open.findLastIndex((open) => open.mark === mark);
    if (at >= 0 && before.trim() && !isWord(after)) this.#end(at, mark);
    else if (after.trim() && !isWord(before)) this.#begin(mark);
    else this.#plain(mark.length);
  }

  #end(at: number, mark: Open["mark"]): void {
    while (this.#open.length > at + 1) this.#giveUp();
    const { from } = this.#open.pop()!;
    const inside = this.#pieces.splice(from);
    this.#pieces.push({ kind: KINDS[mark as keyof typeof KINDS], inside });
    this.#at += mark.length;
  }

  // The latest mark that was opened turns out to be text.
  #giveUp(): void {
    const { mark, from } = this.#open.pop()!;
    this.#pieces.splice(from, 0, { kind: "text", text: mark });
  }
}

function runLength(text: string, at: number): number {
  let end = at;
  while (text[end] === "`") end += 1;
  return end - at;
}
