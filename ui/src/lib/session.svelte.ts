// Who is at the page, and whether the server is there.
import { get, send, setCsrf, whenUnauthorized } from "../api/client";
import type { LiveStatus } from "../api/live";
import type { Me } from "../api/types";

export const session = $state({
  me: null as Me | null,
  isLoggedOut: false,
  live: "connecting" as LiveStatus,
});

whenUnauthorized(() => (session.isLoggedOut = true));

export async function meet(): Promise<void> {
  const me = await get<Me>("/me");
  setCsrf(me.csrf ?? "");
  session.me = me;
  session.isLoggedOut = false;
}

export async function login(key: string): Promise<void> {
  await send("POST", "/login", { key });
  await meet();
}

export async function logout(): Promise<void> {
  await send("POST", "/logout");
  setCsrf("");
  session.me = null;
  session.isLoggedOut = true;
}

// Whether who is at the page may do this.
export function allows(scope: "run" | "admin"): boolean {
  const own = session.me?.scope;
  if (!own) return false;
  return own === "admin" || own === scope;
}
