// States as the page shows them: which look each has, and in which order they stand.
import type { Counts, State, StateType } from "../api/types";

export const TYPES: StateType[] = [
  "FAILED",
  "CRASHED",
  "RUNNING",
  "PAUSED",
  "CANCELLING",
  "SCHEDULED",
  "PENDING",
  "COMPLETED",
  "CANCELLED",
];

const FINAL = new Set<StateType>(["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]);

export type Look =
  | "scheduled"
  | "late"
  | "pending"
  | "running"
  | "paused"
  | "cancelling"
  | "completed"
  | "failed"
  | "crashed"
  | "cancelled";

export const LOOKS: Look[] = [
  "failed",
  "crashed",
  "late",
  "running",
  "paused",
  "cancelling",
  "scheduled",
  "pending",
  "completed",
  "cancelled",
];

export function look(state: { type: StateType; name?: string }): Look {
  return state.name === "Late" ? "late" : (state.type.toLowerCase() as Look);
}

export function isFinal(type: StateType): boolean {
  return FINAL.has(type);
}

export function title(type: string): string {
  return type.charAt(0) + type.slice(1).toLowerCase();
}

const KIND = /^(flow-run|task-run)\.(scheduled|pending|running|paused|cancelling|completed|failed|crashed|cancelled)$/;

// The state that an event tells of, null for events about anything else.
export function stateOf(event: { kind: string; occurred: number; payload: Record<string, unknown> }): State | null {
  const found = KIND.exec(event.kind);
  if (!found) return null;
  const type = found[2]!.toUpperCase() as StateType;
  const known = "flow" in event.payload || "task" in event.payload;
  const name = !known && typeof event.payload.name === "string" ? event.payload.name : title(type);
  const message = typeof event.payload.message === "string" ? event.payload.message : "";
  return { type, name, message, timestamp: new Date(event.occurred / 1000).toISOString() };
}

export function total(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + (count ?? 0), 0);
}

// The worst of several states: what a cell or a group of runs is shown as.
export function worst(states: State[]): State | undefined {
  const rank = (state: State) => LOOKS.indexOf(look(state));
  return states.reduce<State | undefined>((a, b) => (a && rank(a) <= rank(b) ? a : b), undefined);
}
