// RunModel: a flow run with its tree, fetched once and then kept up to date by events.
import { get, Problem, sentence } from "../api/client";
import type { FlowRunDetails, Graph, SegueEvent } from "../api/types";
import { isFinal, stateOf } from "../lib/states";
import { Tree } from "./tree";

const PAGE = 2_500;
const APART = 800;

export class RunModel {
  run = $state.raw<FlowRunDetails | null>(null);
  problem = $state("");
  isMissing = $state(false);
  isGraphLoaded = $state(false);
  // Grows whenever the tree has changed: who draws it reads this.
  version = $state(0);
  tree: Tree;
  #isDirty = false;
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting: SegueEvent[] = [];

  constructor(readonly id: string) {
    this.tree = new Tree(id);
  }

  get isOver(): boolean {
    return this.run !== null && isFinal(this.run.state.type);
  }

  async load(): Promise<void> {
    await this.#loadRun();
    if (this.run) await this.#loadTree(this.run.id);
  }

  apply(events: SegueEvent[]): void {
    if (!this.isGraphLoaded) {
      this.#waiting.push(...events);
      return;
    }
    for (const event of events) {
      if (event.subject === this.run?.id) this.#enter(event);
      else if (this.tree.apply(event)) this.#isDirty = true;
    }
    if (this.#isDirty && !this.#frame) this.#frame = requestAnimationFrame(this.#show);
  }

  // Fetch the run itself anew, soon.
  refresh(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#loadRun();
    }, APART);
  }

  stop(): void {
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
  }

  #show = (): void => {
    this.#frame = 0;
    this.#isDirty = false;
    this.version += 1;
  };

  #enter(event: SegueEvent): void {
    const state = stateOf(event);
    const run = this.run;
    if (!state || !run || state.timestamp < run.state.timestamp) return;
    this.run = {
      ...run,
      state,
      started: run.started ?? (state.type === "RUNNING" ? state.timestamp : null),
      ended: isFinal(state.type) ? state.timestamp : null,
    };
    this.refresh();
  }

  async #loadRun(): Promise<void> {
    try {
      this.run = await get<FlowRunDetails>(`/flow-runs/${encodeURIComponent(this.id)}`);
      this.problem = "";
    } catch (error) {
      this.isMissing = error instanceof Problem && error.status === 404;
      this.problem = sentence(error);
    }
  }

  async #loadTree(id: string): Promise<void> {
    const tree = new Tree(id);
    try {
      let cursor: string | null = null;
      do {
        const graph: Graph = await get(`/flow-runs/${id}/graph`, { limit: PAGE, cursor });
        tree.add(graph.nodes, graph.edges);
        cursor = graph.next;
        this.tree = tree;
        this.version += 1;
      } while (cursor);
      this.isGraphLoaded = true;
      this.apply(this.#waiting.splice(0));
      this.version += 1;
    } catch (error) {
      this.problem = sentence(error);
    }
  }
}
