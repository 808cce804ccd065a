// Deployments, work pools, workers and limits as the API says them, and what is asked of them. Unlike those of runs,
// their instants are numbers: microseconds since the epoch.
import { get, send } from "./client";
import type { FlowRun, Page } from "./types";

export interface Schedule {
  id: string;
  interval?: number | null;
  anchor?: number | null;
  cron?: string | null;
  day_or?: boolean;
  rrule?: string | null;
  timezone?: string;
  active?: boolean;
  parameters?: Record<string, unknown>;
  catchup?: "skip" | "latest" | "all";
  catchup_limit?: number;
  overlap?: "allow" | "skip" | "queue" | "cancel-running";
  max_lateness?: number | null;
  jitter?: number;
}

export interface Deployment {
  id: string;
  name: string;
  flow_name: string;
  entrypoint: string;
  path?: string;
  pull_steps?: Record<string, unknown>[];
  pool?: string;
  queue?: string;
  parameters?: Record<string, unknown>;
  parameter_schema?: JsonSchema;
  enforce_parameter_schema?: boolean;
  tags?: string[];
  description?: string;
  version?: string;
  job_variables?: Record<string, unknown>;
  paused?: boolean;
  priority?: number;
  concurrency_limit?: number | null;
  collision?: "enqueue" | "cancel-new";
  concurrency_key?: string;
  schedules?: Schedule[];
  created?: number;
  updated?: number;
}

export interface JsonSchema {
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  definitions?: Record<string, JsonSchema>;
  title?: string;
  description?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  anyOf?: JsonSchema[];
  allOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  minimum?: number;
  maximum?: number;
  position?: number;
}

export interface RunRequest {
  parameters?: Record<string, unknown>;
  due?: number;
  name?: string;
  tags?: string[];
  priority?: number;
}

export interface WorkQueue {
  name: string;
  priority?: number;
  limit?: number | null;
  paused?: boolean;
  description?: string;
}

export interface WorkPool {
  name: string;
  type?: string;
  description?: string;
  paused?: boolean;
  limit?: number | null;
  job_variables?: Record<string, unknown>;
  queues: WorkQueue[];
  created?: number;
  updated?: number;
}

export interface Worker {
  id: string;
  name: string;
  pool: string;
  type?: string;
  queues?: string[];
  host?: string;
  pid?: number;
  limit?: number | null;
  version?: string;
  started?: number;
  seen?: number;
  ended?: number | null;
}

export interface Limit {
  name: string;
  slots: number;
  tag?: boolean;
  refill?: number | null;
  active?: boolean;
}

export interface Lease {
  id: string;
  limits: string[];
  slots: number;
  holder: string;
  until: number;
  taken?: number;
}

const part = encodeURIComponent;

// All pages of a list, one after the other.
async function all<T>(path: string, query: Record<string, string | undefined> = {}): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null | undefined;
  do {
    const page: Page<T> = await get(path, { ...query, cursor });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor);
  return found;
}

export const deployments = (query: { flow?: string; pool?: string } = {}): Promise<Deployment[]> => all("/deployments", query);
export const deployment = (id: string): Promise<Deployment> => get(`/deployments/${part(id)}`);
export const deleteDeployment = (id: string): Promise<void> => send("DELETE", `/deployments/${part(id)}`);
export const pauseDeployment = (id: string, paused: boolean): Promise<Deployment> =>
  send("POST", `/deployments/${part(id)}/${paused ? "pause" : "resume"}`);
export const run = (id: string, request: RunRequest): Promise<FlowRun> => send("POST", `/deployments/${part(id)}/runs`, request);

// A deployment is saved as a whole: as it is at this moment, but for the schedules that are changed.
async function withSchedules(id: string, change: (all: Schedule[]) => Schedule[]): Promise<Deployment> {
  const now = await deployment(id);
  return send("POST", "/deployments", { ...now, schedules: change(now.schedules ?? []) });
}

export const saveSchedule = (of: string, schedule: Schedule): Promise<Deployment> =>
  withSchedules(of, (all) =>
    all.some((one) => one.id === schedule.id) ? all.map((one) => (one.id === schedule.id ? schedule : one)) : [...all, schedule],
  );
export const deleteSchedule = (of: string, id: string): Promise<Deployment> =>
  withSchedules(of, (all) => all.filter((one) => one.id !== id));

// The server leaves out what is as it is by default, even the name of a queue that is called so.
type Told = Omit<WorkPool, "queues"> & { queues?: Partial<WorkQueue>[] };

function whole(one: Told): WorkPool {
  return { ...one, queues: (one.queues ?? [{}]).map((queue) => ({ ...queue, name: queue.name ?? "default" })) };
}

export const pools = async (): Promise<WorkPool[]> => (await all<Told>("/work-pools")).map(whole);
export const pool = async (name: string): Promise<WorkPool> => whole(await get<Told>(`/work-pools/${part(name)}`));
export const pausePool = (name: string, paused: boolean): Promise<WorkPool> =>
  send("POST", `/work-pools/${part(name)}/${paused ? "pause" : "resume"}`);
// Without queues, it is given one.
export const savePool = (one: Omit<WorkPool, "queues"> & Partial<Pick<WorkPool, "queues">>): Promise<WorkPool> => send("POST", "/work-pools", one);
export const deletePool = (name: string): Promise<void> => send("DELETE", `/work-pools/${part(name)}`);
export const workers = (of = ""): Promise<Worker[]> => all("/workers", { pool: of || undefined });

export const limits = (): Promise<Limit[]> => all("/limits");
export const saveLimit = (one: Limit): Promise<Limit> => send("POST", "/limits", one);
export const deleteLimit = (name: string): Promise<void> => send("DELETE", `/limits/${part(name)}`);
export const leases = (): Promise<Lease[]> => all("/leases");

export const retry = (id: string): Promise<FlowRun> => send("POST", `/flow-runs/${part(id)}/retry`);
