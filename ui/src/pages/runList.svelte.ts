// RunList: the flow runs that match a filter, page by page, kept up to date by events.
import { get, sentence, type Query } from "../api/client";
import type { FlowRun, Page, SegueEvent } from "../api/types";
import { isFinal, stateOf } from "../lib/states";

const PAGE = 200;
const APART = 1_000;

export class RunList {
  items = $state.raw<FlowRun[]>([]);
  problem = $state("");
  isLoaded = $state(false);
  #query: Query = {};
  #next: string | null = null;
  #turn = 0;
  #isFetching = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  async show(query: Query): Promise<void> {
    this.#query = query;
    const turn = ++this.#turn;
    await this.#guarded(turn, async () => {
      const page = await this.#fetch(null);
      if (turn !== this.#turn) return;
      this.items = page.items;
      this.#next = page.next;
      this.isLoaded = true;
    });
  }

  async more(): Promise<void> {
    if (!this.#next || this.#isFetching) return;
    this.#isFetching = true;
    const turn = this.#turn;
    await this.#guarded(turn, async () => {
      const page = await this.#fetch(this.#next);
      if (turn !== this.#turn) return;
      const known = new Set(this.items.map((run) => run.id));
      this.items = [...this.items, ...page.items.filter((run) => !known.has(run.id))];
      this.#next = page.next;
    });
    this.#isFetching = false;
  }

  // Show at once what an event says of a run that is listed, and fetch the beginning of the list again soon.
  apply(events: SegueEvent[]): void {
    const latest = new Map(events.map((event) => [event.subject, event]));
    this.items = this.items.map((run) => {
      const event = latest.get(run.id);
      return event ? updated(run, event) : run;
    });
    this.refresh();
  }

  refresh(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#reload();
    }, APART);
  }

  stop(): void {
    this.#turn += 1;
    clearTimeout(this.#timer);
  }

  async #reload(): Promise<void> {
    const turn = this.#turn;
    await this.#guarded(turn, async () => {
      const page = await this.#fetch(null);
      if (turn !== this.#turn) return;
      const known = new Set(page.items.map((run) => run.id));
      const isWhole = !page.next || this.items.length <= PAGE;
      const rest = isWhole ? [] : this.items.slice(PAGE).filter((run) => !known.has(run.id));
      this.items = [...page.items, ...rest];
      if (isWhole) this.#next = page.next;
    });
  }

  // A search may bring empty pages before the next match.
  async #fetch(cursor: string | null): Promise<Page<FlowRun>> {
    let page: Page<FlowRun>;
    do {
      page = await get<Page<FlowRun>>("/flow-runs", { ...this.#query, limit: PAGE, cursor });
      cursor = page.next;
    } while (cursor && !page.items.length);
    return page;
  }

  async #guarded(turn: number, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      if (turn === this.#turn) this.problem = "";
    } catch (error) {
      if (turn === this.#turn) this.problem = sentence(error);
    }
  }
}

function updated(run: FlowRun, event: SegueEvent): FlowRun {
  const state = stateOf(event);
  if (!state || state.timestamp < run.state.timestamp) return run;
  const started = run.started ?? (state.type === "RUNNING" ? state.timestamp : null);
  return { ...run, state, started, ended: isFinal(state.type) ? state.timestamp : null };
}
