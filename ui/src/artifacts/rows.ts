// Rows of a table as lines of text, and no more of it than people can look at.

export const MOST_ROWS = 500;
export const MOST_COLUMNS = 50;
const LONGEST = 500;

export interface Grid {
  // Empty where rows have no names for their cells.
  head: string[];
  lines: string[][];
  // Which columns hold numbers only.
  numbers: boolean[];
  // How many there are, shown or not.
  rows: number;
  columns: number;
}

export function grid(data: unknown): Grid {
  const rows: unknown[] = Array.isArray(data) ? data : [data];
  const shown = rows.slice(0, MOST_ROWS);
  const names = shown.every(isNamed) ? [...new Set(shown.flatMap((row) => Object.keys(row)))] : [];
  const columns = names.length || shown.reduce<number>((most, row) => Math.max(most, Array.isArray(row) ? row.length : 1), 0);
  const head = names.slice(0, MOST_COLUMNS);
  const places: (string | number)[] = names.length ? head : Array.from({ length: Math.min(columns, MOST_COLUMNS) }, (_, at) => at);
  const cells = shown.map((row) => places.map((place) => cell(row, place)));
  return {
    head,
    lines: cells.map((line) => line.map(text)),
    numbers: places.map((_, at) => cells.every((line) => line[at] === null || typeof line[at] === "number")),
    rows: rows.length,
    columns,
  };
}

function isNamed(row: unknown): row is Record<string, unknown> {
  return row !== null && typeof row === "object" && !Array.isArray(row);
}

function cell(row: unknown, place: string | number): unknown {
  if (isNamed(row) && typeof place === "string") return Object.hasOwn(row, place) ? row[place] : null;
  if (Array.isArray(row)) return (row as unknown[])[Number(place)] ?? null;
  return place === 0 ? row : null;
}

function text(value: unknown): string {
  if (value === null || value === undefined) return "";
  const whole = typeof value === "string" ? value : JSON.stringify(value);
  return whole.length > LONGEST ? whole.slice(0, LONGEST) + "…" : whole;
}
