// Scales of charts: from a value to a place, straight or by its logarithm.

export type Scale = (value: number) => number;

export function linear(from: number, to: number, start: number, end: number): Scale {
  const factor = to === from ? 0 : (end - start) / (to - from);
  return (value) => start + (value - from) * factor;
}

export function logarithmic(from: number, to: number, start: number, end: number): Scale {
  const straight = linear(Math.log(from), Math.log(to), start, end);
  return (value) => straight(Math.log(Math.max(value, from)));
}

// Round numbers from 0 to at least `most`, about `count` of them.
export function rungs(most: number, count: number): number[] {
  if (most <= 0) return [0, 1];
  const raw = most / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const by = Math.max(1, [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw) ?? power);
  const found: number[] = [];
  for (let value = 0; value < most + by; value += by) found.push(value);
  return found;
}
