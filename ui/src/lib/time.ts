// Instants and spans in words, short enough for a table.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export function ms(instant: string | null | undefined): number | null {
  if (!instant) return null;
  const at = Date.parse(instant);
  return Number.isNaN(at) ? null : at;
}

// "340 ms", "4.2 s", "3 min 05 s", "2 h 14 min", "3 d 4 h"
export function span(milliseconds: number | null): string {
  if (milliseconds === null) return "";
  const t = Math.max(0, milliseconds);
  if (t < 1) return "<1 ms";
  if (t < 999.5) return `${Math.round(t)} ms`;
  if (t < 9_950) return `${(t / 1000).toFixed(1)} s`;
  if (t < MINUTE - 500) return `${Math.round(t / 1000)} s`;
  if (t < HOUR) return pair(t, MINUTE, "min", 1000, "s");
  if (t < DAY) return pair(t, HOUR, "h", MINUTE, "min");
  return pair(t, DAY, "d", HOUR, "h");
}

function pair(t: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const units = Math.round(t / small);
  const per = large / small;
  return `${Math.floor(units / per)} ${largeUnit} ${String(units % per).padStart(2, "0")} ${smallUnit}`;
}

export function ago(at: number | null, now: number): string {
  if (at === null) return "";
  const t = now - at;
  const distance = Math.abs(t);
  const words =
    distance < 10_000 ? "" :
    distance < MINUTE ? `${Math.round(distance / 1000)} s` :
    distance < HOUR ? `${Math.round(distance / MINUTE)} min` :
    distance < DAY ? `${Math.round(distance / HOUR)} h` :
    distance < 30 * DAY ? `${Math.round(distance / DAY)} d` : null;
  if (words === null) return day(at);
  if (words === "") return "now";
  return t >= 0 ? `${words} ago` : `in ${words}`;
}

const DAY_FORMAT = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const SHORT_CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const FULL = new Intl.DateTimeFormat(undefined, {
  weekday: "short", year: "numeric", month: "short", day: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false, timeZoneName: "short",
});

export const day = (at: number): string => DAY_FORMAT.format(at);
export const clock = (at: number): string => CLOCK.format(at);
export const full = (at: number): string => FULL.format(at);

export function clockMs(at: number): string {
  return `${CLOCK.format(at)}.${String(Math.floor(at) % 1000).padStart(3, "0")}`;
}

// A tick of a time axis whose ticks are `step` apart.
export function tick(at: number, step: number): string {
  if (step >= DAY) return SHORT_DAY.format(at);
  return step >= MINUTE ? SHORT_CLOCK.format(at) : CLOCK.format(at);
}

const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY,
];

// The smallest round step that makes at most `most` ticks.
export function step(length: number, most: number): number {
  return STEPS.find((one) => length / one <= most) ?? 90 * DAY;
}

// Ticks at round local times within [from, to].
export function ticks(from: number, to: number, most: number): { at: number[]; step: number } {
  const by = step(to - from, most);
  const zone = by >= HOUR ? new Date(from).getTimezoneOffset() * MINUTE : 0;
  const at: number[] = [];
  for (let t = Math.ceil((from - zone) / by) * by + zone; t <= to; t += by) at.push(t);
  return { at, step: by };
}
