// The tree of what a flow run has called, with when each part of it waited, queued and ran.
import type { GraphEdge, GraphNode, SegueEvent, State, StateType, Stretch } from "../api/types";
import { isFinal, stateOf } from "../lib/states";
import { ms } from "../lib/time";

export interface Span {
  from: number;
  // null while it goes on.
  to: number | null;
  phase: "queue" | "wait" | "run";
}

export interface Node {
  id: string;
  kind: "task-run" | "flow-run";
  name: string;
  label: string;
  parent: string;
  state: State;
  attempts: number;
  created: number;
  ended: number | null;
  spans: Span[];
  upstream: string[];
  depth: number;
  seq: number;
}

export class Tree {
  readonly nodes = new Map<string, Node>();
  #order: Node[] | null = null;

  constructor(private readonly root: string) {}

  add(nodes: GraphNode[], edges: GraphEdge[]): void {
    for (const node of nodes) if (!this.nodes.has(node.id)) this.#put(fromGraph(node));
    for (const { source, target, kind } of edges) {
      const node = this.nodes.get(target);
      if (kind === "upstream" && node && !node.upstream.includes(source)) node.upstream.push(source);
    }
  }

  // Fold an event in; whether anything is to be drawn anew.
  apply(event: SegueEvent): boolean {
    const state = stateOf(event);
    if (!state || event.subject === this.root) return false;
    const at = event.occurred / 1000;
    const node = this.nodes.get(event.subject);
    if (!node) return this.#begin(fromEvent(event, state, at), event);
    if (event.seq <= node.seq || at < (ms(node.state.timestamp) ?? 0)) return false;
    node.seq = event.seq;
    node.state = state;
    const open = node.spans.at(-1);
    if (open && open.to === null) open.to = at;
    node.ended = isFinal(state.type) ? at : null;
    if (state.type === "RUNNING") node.attempts = typeof event.payload.attempt === "number" ? event.payload.attempt : node.attempts + 1;
    if (!isFinal(state.type)) node.spans.push({ from: at, to: null, phase: phase(state) });
    return true;
  }

  // All nodes, each after the one it was called in.
  get order(): Node[] {
    return (this.#order ??= this.#ordered());
  }

  get from(): number {
    let first = Infinity;
    for (const node of this.nodes.values()) first = Math.min(first, node.created);
    return first;
  }

  until(now: number): number {
    let last = -Infinity;
    for (const node of this.nodes.values()) last = Math.max(last, node.ended ?? (isFinal(node.state.type) ? node.created : now));
    return last;
  }

  #begin(node: Node | null, event: SegueEvent): boolean {
    if (!node || !this.#belongs(event, node)) return false;
    this.#put(node);
    return true;
  }

  #put(node: Node): void {
    this.nodes.set(node.id, node);
    this.#order = null;
  }

  #belongs(event: SegueEvent, node: Node): boolean {
    if (node.kind === "task-run") return event.run === this.root;
    return node.parent === this.root || this.nodes.has(node.parent);
  }

  #ordered(): Node[] {
    const children = new Map<string, Node[]>();
    for (const node of this.nodes.values()) {
      const parent = this.nodes.has(node.parent) ? node.parent : "";
      const siblings = children.get(parent);
      if (siblings) siblings.push(node);
      else children.set(parent, [node]);
    }
    const found: Node[] = [];
    const walk = (parent: string, depth: number): void => {
      const siblings = children.get(parent);
      if (!siblings || depth > 50) return;
      siblings.sort((a, b) => a.created - b.created);
      for (const node of siblings) {
        node.depth = depth;
        found.push(node);
        walk(node.id, depth + 1);
      }
    };
    walk("", 0);
    return found;
  }
}

function phase(state: { type: StateType }): Span["phase"] {
  if (state.type === "PENDING") return "queue";
  return state.type === "SCHEDULED" || state.type === "PAUSED" ? "wait" : "run";
}

function fromGraph(node: GraphNode): Node {
  const created = ms(node.created) ?? ms(node.started) ?? ms(node.state.timestamp) ?? 0;
  const started = ms(node.started);
  const ended = ms(node.ended);
  return {
    id: node.id,
    kind: node.kind,
    name: node.name,
    label: node.label,
    parent: node.parent_id ?? "",
    state: node.state,
    attempts: node.run_count,
    created,
    ended,
    spans: node.stretches.length ? stretched(node.stretches) : plain(node.state, created, started, ended),
    upstream: [],
    depth: 0,
    seq: 0,
  };
}

function stretched(stretches: Stretch[]): Span[] {
  return stretches
    .filter((one) => !isFinal(one.type))
    .map((one) => ({ from: ms(one.start) ?? 0, to: ms(one.end), phase: phase(one) }));
}

function plain(state: State, created: number, started: number | null, ended: number | null): Span[] {
  if (started === null && ended === null) return [{ from: created, to: null, phase: phase(state) }];
  const spans: Span[] = [{ from: created, to: started ?? ended, phase: "queue" }];
  if (started !== null) spans.push({ from: started, to: ended, phase: "run" });
  return spans;
}

function fromEvent(event: SegueEvent, state: State, at: number): Node | null {
  const { payload } = event;
  const label = payload.task ?? payload.flow;
  if (typeof label !== "string") return null;
  return {
    id: event.subject,
    kind: "task" in payload ? "task-run" : "flow-run",
    name: String(payload.name ?? label),
    label,
    parent: typeof payload.parent === "string" ? payload.parent : "flow" in payload ? "" : event.run,
    state,
    attempts: 0,
    created: at,
    ended: null,
    spans: [{ from: at, to: null, phase: phase(state) }],
    upstream: Array.isArray(payload.upstream) ? payload.upstream.map(String) : [],
    depth: 0,
    seq: event.seq,
  };
}

// How many ran at the same time, in `count` slices of [from, until].
export function load(nodes: Iterable<Node>, from: number, until: number, count: number): number[] {
  const changes = new Float64Array(count + 1);
  const slice = (until - from) / count || 1;
  const place = (at: number) => Math.max(0, Math.min(count, Math.floor((at - from) / slice)));
  for (const node of nodes) {
    for (const span of node.spans) {
      if (span.phase !== "run") continue;
      changes[place(span.from)]! += 1;
      changes[Math.min(count, place(span.to ?? until) + 1)]! -= 1;
    }
  }
  const running: number[] = [];
  let sum = 0;
  for (let at = 0; at < count; at++) running.push((sum += changes[at]!));
  return running;
}
