// Artifacts: what runs have left to look at, as the API and the events of the stream tell of it.
import { get, send, type Query } from "./client";
import { ms } from "../lib/time";
import type { Page, SegueEvent } from "./types";

export type ArtifactType = "markdown" | "table" | "link" | "image" | "progress";

export interface Artifact {
  id: string;
  key: string | null;
  type: ArtifactType;
  // Text for Markdown, links (as Markdown) and images (a URL), rows for a table, percents for progress.
  data: unknown;
  description: string;
  flow_run_id: string | null;
  task_run_id: string | null;
  // In milliseconds since the epoch.
  created: number;
  updated: number;
}

interface Body extends Omit<Artifact, "created" | "updated"> {
  created: string;
  updated: string;
}

export async function artifacts(query: Query): Promise<Page<Artifact>> {
  const page = await get<Page<Body>>("/artifacts", query);
  return { items: page.items.map(artifactIn), next: page.next };
}

export const deleteArtifact = (id: string): Promise<void> => send("DELETE", `/artifacts/${id}`);

function artifactIn(body: Body): Artifact {
  return { ...body, created: ms(body.created) ?? 0, updated: ms(body.updated) ?? 0 };
}

// The artifact that an event tells of. An update tells anew what there is to see, and of the rest what has changed.
export function told(event: SegueEvent, known?: Artifact): Artifact {
  const { type, data, key, description, task } = event.payload as {
    type: ArtifactType;
    data: unknown;
    key?: string;
    description?: string;
    task?: string;
  };
  const at = event.occurred / 1000;
  if (known) return { ...known, data, description: description || known.description, updated: at };
  return {
    id: event.subject,
    key: key || null,
    type,
    data,
    description: description ?? "",
    flow_run_id: event.run || null,
    task_run_id: task || null,
    created: at,
    updated: at,
  };
}
