// ArtifactList: artifacts, the latest first, fetched in pages and kept up to date by events.
import { artifacts, told, type Artifact } from "../api/artifacts";
import { sentence, type Query } from "../api/client";
import type { SegueEvent } from "../api/types";

const PAGE = 30;
const APART = 800;

export class ArtifactList {
  items = $state.raw<Artifact[]>([]);
  next = $state<string | null>(null);
  problem = $state("");
  isLoaded = $state(false);
  #turn = 0;
  #isBusy = false;
  #waiting: SegueEvent[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  // `fits` says whether an artifact that was just left belongs here, as those that `query` asks for do.
  constructor(
    private readonly query: () => Query,
    private readonly fits: (artifact: Artifact) => boolean,
  ) {}

  async load(cursor: string | null = null): Promise<void> {
    const turn = ++this.#turn;
    this.#isBusy = true;
    try {
      const page = await artifacts({ ...this.query(), limit: PAGE, cursor });
      if (turn !== this.#turn) return;
      const known = new Set(cursor ? this.items.map((one) => one.id) : []);
      const found = page.items.filter((one) => !known.has(one.id));
      this.items = cursor ? [...this.items, ...found] : found;
      this.next = page.next;
      this.isLoaded = true;
      this.problem = "";
    } catch (error) {
      if (turn === this.#turn) this.problem = sentence(error);
    } finally {
      if (turn === this.#turn) this.#isBusy = false;
    }
    if (turn === this.#turn) this.apply(this.#waiting.splice(0));
  }

  more(): void {
    if (this.next && !this.#isBusy) void this.load(this.next);
  }

  apply(events: SegueEvent[]): void {
    if (this.#isBusy) {
      this.#waiting.push(...events);
      return;
    }
    const items = new Map(this.items.map((one) => [one.id, one]));
    let fresh: Artifact[] = [];
    for (const event of events) {
      const known = items.get(event.subject);
      if (event.kind === "artifact.deleted") {
        items.delete(event.subject);
        // The one before it may have become the latest of its key.
        if (known && this.query().latest) this.refresh();
      } else if (known) {
        if (event.occurred / 1000 >= known.updated) items.set(known.id, told(event, known));
      } else if (event.kind === "artifact.created") {
        const one = told(event);
        if (!this.fits(one)) continue;
        if (this.query().latest) for (const other of items.values()) if (other.key === one.key) items.delete(other.id);
        items.set(one.id, one);
        fresh = [one, ...fresh];
      }
    }
    const isNew = new Set(fresh.map((one) => one.id));
    const newest = fresh.flatMap((one) => items.get(one.id) ?? []);
    this.items = [...newest, ...[...items.values()].filter((one) => !isNew.has(one.id))];
  }

  // Load again soon, from the first page on.
  refresh(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.load();
    }, APART);
  }

  stop(): void {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
