// The live connection: events by websocket, or by long-poll where no websocket comes through; one cursor for both.
import { get, Problem } from "./client";
import type { SegueEvent } from "./types";

export type LiveStatus = "connecting" | "live" | "polling" | "away";

export interface Wanted {
  kinds?: string[];
  runs?: string[];
}

export interface Listener {
  events(batch: SegueEvent[]): void;
  // What was fetched before may miss something: fetch it again.
  restart?(): void;
  status?(status: LiveStatus): void;
}

type Row = [number, string, number, string, string, string, Record<string, unknown>];
type Message =
  | { type: "welcome"; cursor: string }
  | { type: "events"; through: number; rows: Row[] }
  | { type: "reset"; head: string }
  | { type: "bye"; cursor?: string }
  | { type: "ack" };

const FIRST_DELAY = 250;
const LAST_DELAY = 8_000;
// So many websockets in a row that brought no welcome, and events are polled for.
const MAX_FAILURES = 2;
const POLL_SECONDS = 25;

export class Live {
  #cursor = "now";
  #socket: WebSocket | null = null;
  #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #delay = FIRST_DELAY;
  #closed = false;

  constructor(
    private readonly wanted: Wanted,
    private readonly listener: Listener,
  ) {
    this.#connect();
    addEventListener("online", this.#hurry);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    removeEventListener("online", this.#hurry);
    this.#abort.abort();
    const socket = this.#socket;
    // A browser complains of a socket that is closed while it opens.
    if (socket?.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
    else socket?.close();
  }

  #hurry = (): void => {
    this.#delay = FIRST_DELAY;
  };

  #connect = (): void => {
    if (this.#closed) return;
    if (this.#failures >= MAX_FAILURES) {
      void this.#poll();
      return;
    }
    const url = new URL("./api/events/stream", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    let welcomed = false;
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onopen = () => {
      const filter = { kinds: this.wanted.kinds ?? [], runs: this.wanted.runs ?? [] };
      socket.send(JSON.stringify({ type: "hello", version: 1, filter, after: this.#cursor }));
    };
    socket.onmessage = (frame: MessageEvent<string>) => {
      const message = JSON.parse(frame.data) as Message;
      if (message.type === "welcome") {
        welcomed = true;
        this.#failures = 0;
        this.#welcome(message.cursor);
      } else if (message.type === "events") {
        this.#cursor = this.#cursor.replace(/\d+$/, String(message.through));
        if (message.rows.length) this.listener.events(message.rows.map(fromRow));
      } else if (message.type === "reset") {
        // What lies between is gone from the journal: begin anew at its head.
        this.#cursor = "now";
      }
    };
    socket.onclose = () => {
      if (this.#closed) return;
      if (!welcomed) this.#failures += 1;
      this.listener.status?.("away");
      this.#later();
    };
  };

  #welcome(cursor: string): void {
    const anew = this.#cursor === "now";
    this.#cursor = cursor;
    this.#delay = FIRST_DELAY;
    this.listener.status?.("live");
    if (anew) this.listener.restart?.();
  }

  #later(): void {
    // Scattered, so that the pages of a restarted server do not come back all at once.
    this.#timer = setTimeout(this.#connect, this.#delay * (0.5 + Math.random()));
    this.#delay = Math.min(this.#delay * 2, LAST_DELAY);
  }

  async #poll(): Promise<void> {
    try {
      while (!this.#closed) {
        const anew = this.#cursor === "now";
        const answer = await get<{ events: SegueEvent[]; cursor: string }>(
          "/events/stream",
          {
            after: anew ? undefined : this.#cursor,
            wait: anew ? 0 : POLL_SECONDS,
            kinds: this.wanted.kinds,
            run: this.wanted.runs,
          },
          this.#abort.signal,
        );
        this.#cursor = answer.cursor;
        this.#delay = FIRST_DELAY;
        this.listener.status?.("polling");
        if (anew) this.listener.restart?.();
        if (answer.events.length) this.listener.events(answer.events.map(normal));
      }
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof Problem && error.status === 410) this.#cursor = "now";
      // A server that has come back may take websockets again.
      this.#failures = 0;
      this.listener.status?.("away");
      this.#later();
    }
  }
}

function fromRow([seq, id, occurred, kind, run, subject, payload]: Row): SegueEvent {
  return { seq, id, occurred, kind, run, subject, payload };
}

// Instants of events are microseconds on the stream and texts elsewhere.
export function normal(event: Omit<SegueEvent, "occurred"> & { occurred: number | string }): SegueEvent {
  const { occurred } = event;
  return { ...event, occurred: typeof occurred === "string" ? Date.parse(occurred) * 1000 : occurred };
}
