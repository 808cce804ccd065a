// Requests to the API: JSON in and out, and every refusal as a Problem with a sentence.

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    detail: string,
    readonly errors: { path: string; message: string }[] = [],
  ) {
    super(detail || title);
  }
}

export type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>;

const BASE = "./api";

// Set once /api/me has answered; unsafe requests with the login's cookie need it.
let csrf = "";
let onUnauthorized: () => void = () => {};

export function setCsrf(token: string): void {
  csrf = token;
}

export function whenUnauthorized(then: () => void): void {
  onUnauthorized = then;
}

export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (Array.isArray(value)) for (const one of value) search.append(key, one);
    else if (value !== null && value !== undefined && value !== "") search.append(key, String(value));
  }
  const text = search.toString();
  return BASE + path + (text ? "?" + text : "");
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return answer<T>(await ask(address(path, query), { signal: signal ?? null }));
}

export async function send<T>(method: "POST" | "DELETE", path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = {};
  if (csrf) headers["X-Segue-Csrf"] = csrf;
  if (method === "POST") headers["Idempotency-Key"] = crypto.randomUUID?.() ?? String(Math.random());
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const init: RequestInit = { method, headers, body: body === undefined ? null : JSON.stringify(body) };
  return answer<T>(await ask(address(path), init));
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "No answer", "The server does not answer. It may have been stopped; the page goes on trying.");
  }
}

async function answer<T>(response: Response): Promise<T> {
  if (response.status === 204) return undefined as T;
  if (response.ok) return (await response.json()) as T;
  if (response.status === 401) onUnauthorized();
  const body = (await response.json().catch(() => ({}))) as Partial<Problem> & { detail?: string };
  const title = body.title ?? (response.statusText || `Status ${response.status}`);
  throw new Problem(response.status, title, body.detail ?? "", body.errors ?? []);
}

// A sentence for any error, for people to read.
export function sentence(error: unknown): string {
  if (error instanceof Problem && error.errors.length) {
    return error.errors.map((one) => `${one.path}: ${one.message}`).join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}
