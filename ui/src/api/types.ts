// What the API says, as far as the page reads it; instants are RFC 3339 texts in UTC.

export type StateType =
  | "SCHEDULED"
  | "PENDING"
  | "RUNNING"
  | "PAUSED"
  | "CANCELLING"
  | "COMPLETED"
  | "FAILED"
  | "CRASHED"
  | "CANCELLED";

export interface State {
  type: StateType;
  name: string;
  message: string;
  timestamp: string;
}

export interface StateChange extends State {
  seq: number;
  reason: string;
  due: string | null;
}

interface Run {
  id: string;
  name: string;
  tags: string[];
  parent_id: string | null;
  epoch: number;
  state: State;
  run_count: number;
  created: string | null;
  started: string | null;
  ended: string | null;
  // In seconds, null before the end.
  duration: number | null;
}

export type Counts = Partial<Record<StateType, number>>;

export interface FlowRun extends Run {
  flow_name: string;
  flow_version: string;
  root_id: string | null;
  task_counts: Counts;
  // The deployment that it is a run of.
  deployment_id?: string | null;
}

export interface FlowRunDetails extends FlowRun, Outcome {
  parameters: Record<string, unknown>;
  pid: number | null;
  entrypoint: string;
  // Why it has not begun, null for one that does not wait.
  waiting_for: string | null;
}

export interface TaskRun extends Run {
  task_name: string;
  flow_run_id: string | null;
  upstream: string[];
}

export interface TaskRunDetails extends TaskRun, Outcome {
  step_key: string;
  cache_key: string | null;
}

interface Outcome {
  has_result: boolean;
  result: unknown;
  stored_result: Record<string, unknown> | null;
  error: { type: string; message: string; traceback: string } | null;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Count {
  counts: Counts;
  total: number;
}

export interface Bucket {
  start: string;
  end: string;
  counts: Counts;
}

export interface GraphNode {
  id: string;
  kind: "task-run" | "flow-run";
  name: string;
  label: string;
  parent_id: string | null;
  state: State;
  run_count: number;
  created: string | null;
  started: string | null;
  ended: string | null;
  // Of runs that were tried more than once or have waited: each state they were in.
  stretches: Stretch[];
}

export interface Stretch {
  type: StateType;
  name: string;
  start: string;
  end: string | null;
}

export interface GraphEdge {
  source: string;
  target: string;
  kind: "upstream" | "parent";
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  next: string | null;
}

export interface LogLine {
  seq: number;
  occurred: string;
  level: number;
  level_name: string;
  logger: string;
  message: string;
  flow_run_id: string | null;
  task_run_id: string | null;
}

// As the page holds it: `occurred` in microseconds since the epoch.
export interface SegueEvent {
  seq: number;
  id: string;
  occurred: number;
  kind: string;
  run: string;
  subject: string;
  payload: Record<string, unknown>;
}

export interface FlowSummary {
  name: string;
  counts: Counts;
  total: number;
  runs_per_day: number;
  last_run: FlowRun | null;
}

export interface Setting {
  name: string;
  variable: string;
  value: string | null;
  source: string;
  help: string;
  secret: boolean;
}

export interface Statistics {
  journal: Record<string, number>;
  bus: Record<string, number>;
  memory_bytes: number;
  started: string;
}

export interface BulkAnswer {
  outcomes: { id: string; status: number; detail: string }[];
}

export interface Me {
  name: string;
  scope: "read" | "run" | "admin";
  csrf: string | null;
  // Whether the server asks for a key at all.
  login: boolean;
}

export type Scope = Me["scope"];

export interface ApiKey {
  id: string;
  name: string;
  scope: Scope;
  created: string;
  expires: string | null;
  last_used: string | null;
}

// A message to a target: that it was queued, or what came of an attempt.
export interface Delivery {
  at: string;
  target: string;
  rule: string;
  title: string;
  outcome: "queued" | "sent" | "failed" | "dead";
  attempt: number;
  reason: string;
  next: string | null;
}

export interface Target {
  name: string;
  tags: string[];
  place: string;
}

export interface Rule {
  name: string;
  enabled: boolean;
  severity: string;
  when: Condition;
  actions: Record<string, unknown>[];
  place: string;
}

// Which events: all conditions must hold, of each one of its values.
export type Match = Partial<Record<"kinds" | "states" | "flows" | "tags" | "deployments" | "runs" | "subjects", string[]>>;

export interface Condition {
  type: "reactive" | "proactive" | "sequence" | "compound";
  on?: Match;
  count?: number;
  within?: number;
  expect?: Match;
  after?: Match | null;
  by?: { at: string; timezone: string; days: string[] } | null;
  steps?: Match[];
  parts?: Condition[];
  require?: "all" | "any" | number;
}

export interface Rules {
  targets: Target[];
  rules: Rule[];
  problems: string[];
}
