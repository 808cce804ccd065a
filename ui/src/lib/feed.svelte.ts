// Feeds: live connections that last as long as the component that opened them.
import { Live, type Listener, type Wanted } from "../api/live";
import { session } from "./session.svelte";

// Opens a connection when the component is there and closes it with it; `wanted` is read anew when it changes.
export function feed(wanted: () => Wanted | null, listener: Listener): void {
  $effect(() => {
    const now = wanted();
    if (!now) return;
    const live = new Live(now, { ...listener, status: (status) => (session.live = status) });
    return () => live.close();
  });
}
