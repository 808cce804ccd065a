// Events that have been: pages of them, oldest or newest first.
import { get, type Query } from "./client";
import { normal } from "./live";
import type { SegueEvent } from "./types";

interface Body extends Omit<SegueEvent, "occurred"> {
  occurred: string;
}

export interface EventPage {
  events: SegueEvent[];
  next: string | null;
}

// A search may bring empty pages before the next match: those are passed over.
export async function fetchEvents(query: Query): Promise<EventPage> {
  let page: { items: Body[]; next: string | null };
  do {
    page = await get("/events", query);
    query = { ...query, cursor: page.next };
  } while (page.next && !page.items.length);
  return { events: page.items.map(normal), next: page.next };
}
