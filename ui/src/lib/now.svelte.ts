// The present, once a second while the page is seen: what "ago" and running durations are reckoned from.

export const present = $state({ now: Date.now() });

function tick(): void {
  if (!document.hidden) present.now = Date.now();
}

setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);
