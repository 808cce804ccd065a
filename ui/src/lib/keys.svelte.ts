// The keyboard: single keys and "g" followed by one, out of the way of whoever is typing.
import { PLACES } from "./places";
import { go } from "./route.svelte";

export const KEYS: [string, string][] = [
  ...PLACES.map((place): [string, string] => [`g ${place.key}`, place.label]),
  ["/", "Search"],
  ["j  k", "Next and previous in a list"],
  ["Enter", "Open"],
  ["x", "Select"],
  ["t", "Theme: system, light, dark"],
  ["?", "This help"],
];

const PATIENCE = 1_200;

type Action = (event: KeyboardEvent) => void;
const stack: Record<string, Action>[] = [];
let prefixed = 0;

// Have these keys do this until the function returned is called; the latest to ask is the first to be heard.
export function bind(actions: Record<string, Action>): () => void {
  stack.push(actions);
  return () => {
    const at = stack.indexOf(actions);
    if (at >= 0) stack.splice(at, 1);
  };
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return target.type !== "checkbox";
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "Escape" && isTyping(event.target)) (event.target as HTMLElement).blur();
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const place = event.timeStamp - prefixed < PATIENCE ? PLACES.find((one) => one.key === event.key)?.href : undefined;
  prefixed = 0;
  if (place) {
    event.preventDefault();
    go(place);
  } else if (event.key === "g") {
    prefixed = event.timeStamp;
  } else {
    const action = stack.findLast((actions) => event.key in actions)?.[event.key];
    if (!action) return;
    // A link or button in focus means what it says.
    if (event.key === "Enter" && event.target instanceof Element && event.target.closest("a, button")) return;
    event.preventDefault();
    action(event);
  }
});
