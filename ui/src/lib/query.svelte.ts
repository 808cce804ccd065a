// Query: something fetched that is fetched again when asked; the newest answer wins, and reloads never pile up.
import { sentence } from "../api/client";

const APART = 700;

export class Query<T> {
  data = $state.raw<T | null>(null);
  problem = $state("");
  loading = $state(false);
  #turn = 0;
  #last = 0;
  #busy = false;
  #again = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  // `apart` is the least time between two refreshes, in milliseconds.
  constructor(
    private readonly fetcher: () => Promise<T>,
    private readonly apart = APART,
  ) {}

  async load(): Promise<void> {
    const turn = ++this.#turn;
    this.#busy = true;
    this.loading = true;
    this.#last = Date.now();
    try {
      const data = await this.fetcher();
      if (turn !== this.#turn) return;
      this.data = data;
      this.problem = "";
    } catch (error) {
      if (turn === this.#turn) this.problem = sentence(error);
    } finally {
      if (turn === this.#turn) this.#done();
    }
  }

  // Load again soon: at most once at a time, and not more often than people can read.
  refresh(): void {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    if (this.#timer !== undefined) return;
    const wait = Math.max(0, this.#last + this.apart - Date.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.load();
    }, wait);
  }

  stop(): void {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#again = false;
  }

  #done(): void {
    this.#busy = false;
    this.loading = false;
    if (!this.#again) return;
    this.#again = false;
    this.refresh();
  }
}
