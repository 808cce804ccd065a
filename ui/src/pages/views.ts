// Which view a path shows, and what it is called; each is loaded when it is first asked for.
import type { Component } from "svelte";
import { PLACES } from "../lib/places";

const VIEWS: Record<string, () => Promise<{ default: Component }>> = {
  "": () => import("./Dashboard.svelte"),
  runs: () => import("./Runs.svelte"),
  run: () => import("./Run.svelte"),
  flows: () => import("./Flows.svelte"),
  flow: () => import("./Flow.svelte"),
  deployments: () => import("./Deployments.svelte"),
  deployment: () => import("./Deployment.svelte"),
  "work-pools": () => import("./WorkPools.svelte"),
  "work-pool": () => import("./WorkPool.svelte"),
  limits: () => import("./Limits.svelte"),
  artifacts: () => import("./Artifacts.svelte"),
  artifact: () => import("./Artifact.svelte"),
  events: () => import("./Events.svelte"),
  notifications: () => import("./Notifications.svelte"),
  settings: () => import("./Settings.svelte"),
};

// Of these there is a view of all, and one of each.
const SINGLE = new Set(["runs", "flows", "deployments", "work-pools", "artifacts"]);

export async function view(path: readonly string[]): Promise<Component> {
  const load = VIEWS[name(path)] ?? (() => import("./Lost.svelte"));
  return (await load()).default;
}

export function title(path: readonly string[]): string {
  const first = path[0] ?? "";
  const place = PLACES.find((one) => one.path === first)?.label ?? "Lost";
  return path.length > 1 && SINGLE.has(first) ? path[1]! : place;
}

function name(path: readonly string[]): string {
  const first = path[0] ?? "";
  return path.length > 1 && SINGLE.has(first) ? first.slice(0, -1) : first;
}
