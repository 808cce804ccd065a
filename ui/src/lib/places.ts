// Places: the views that are always one step away, in the order in which they stand.
import type { IconName } from "../components/Icon.svelte";

interface Place {
  path: string;
  href: string;
  label: string;
  icon: IconName;
  // Typed after "g", it leads there.
  key: string;
}

function place(path: string, label: string, icon: IconName, key: string): Place {
  return { path, href: `#/${path}`, label, icon, key };
}

export const PLACES: Place[] = [
  place("", "Dashboard", "home", "h"),
  place("runs", "Runs", "runs", "r"),
  place("flows", "Flows", "flows", "f"),
  place("deployments", "Deployments", "rocket", "d"),
  place("work-pools", "Work pools", "pools", "p"),
  place("limits", "Limits", "limits", "l"),
  place("artifacts", "Artifacts", "artifacts", "a"),
  place("events", "Events", "events", "e"),
  place("notifications", "Notifications", "bell", "n"),
  place("settings", "Settings", "settings", "s"),
];

// Those that a narrow screen has room for; the others are behind "More".
export const NEAREST = ["", "runs", "deployments", "work-pools"];
