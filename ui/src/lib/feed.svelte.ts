// Feeds: live connections that last as long as the component that opened them.
import { Live, type Listener, type Wanted } from "../api/live";
import { session } from "./session.svelte";

// Opens a connection with the component and closes it with it; another one when something else is wanted.
export function feed(wanted: () => Wanted | null, listener: Listener): void {
  // Compared as text: what is wanted is made anew whenever it is asked.
  const key = $derived(JSON.stringify(wanted()));
  $effect(() => {
    const now = JSON.parse(key) as Wanted | null;
    if (!now) return;
    const live = new Live(now, { ...listener, status: (status) => (session.live = status) });
    return () => live.close();
  });
}
