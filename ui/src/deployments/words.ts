// Schedules and pools in words.
import type { Deployment, Schedule, Worker } from "../api/work";
import { day, span } from "../lib/time";
import { Unusable } from "./schema";

// "every 2 min", "0 6 * * * in Europe/Berlin"
export function timing(schedule: Schedule): string {
  const zone = schedule.timezone && schedule.timezone !== "UTC" ? ` in ${schedule.timezone}` : "";
  if (schedule.interval) {
    const from = schedule.anchor ? `, counted from ${day(schedule.anchor / 1000)}` : "";
    return `every ${length(schedule.interval)}${zone}${from}`;
  }
  return `${schedule.cron ?? schedule.rrule ?? ""}${zone}`;
}

// Seconds in words, without the parts that are none: "2 min" rather than "2 min 00 s".
export function length(seconds: number): string {
  return span(1000 * seconds).replace(/ 00 \w+$/, "").replace(".0 s", " s");
}

export function timings(deployment: Deployment): string {
  const all = deployment.schedules ?? [];
  const active = all.filter((one) => one.active !== false);
  if (!all.length) return "";
  if (!active.length) return all.length === 1 ? "paused" : `${all.length} paused`;
  return active.length === 1 ? timing(active[0]!) : `${active.length} schedules`;
}

export function place(deployment: Deployment): string {
  if (!deployment.pool) return "served by a process";
  return deployment.queue && deployment.queue !== "default" ? `${deployment.pool} / ${deployment.queue}` : deployment.pool;
}

export function fullName(deployment: Deployment): string {
  return `${deployment.flow_name}/${deployment.name}`;
}

// Whether a worker takes runs: one that was not seen for this long is lost.
const LEASE = 30_000;

export function isAlive(worker: Worker, now: number): boolean {
  return !worker.ended && now - (worker.seen ?? 0) / 1000 < LEASE;
}

// How many at a time, as it was entered; null for as many as there are.
export function limitOf(text: string): number | null {
  if (!text.trim()) return null;
  const found = Number(text);
  if (!Number.isInteger(found) || found < 1) throw new Unusable(`'${text}' is no whole number from 1 on.`);
  return found;
}
