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

export async function fetchEvents(query: Query): Promise<EventPage> {
  const page = await get<{ items: Body[]; next: string | null }>("/events", query);
  return { events: page.items.map(normal), next: page.next };
}
