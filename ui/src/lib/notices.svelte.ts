// Notices: short sentences about what was done, shown for a while at the edge of the page.

export interface Notice {
  id: number;
  text: string;
  bad: boolean;
}

const SHOWN = 6_000;
let last = 0;

export const notices = $state<Notice[]>([]);

export function say(text: string, bad = false): void {
  const id = ++last;
  notices.push({ id, text, bad });
  setTimeout(() => dismiss(id), bad ? 2 * SHOWN : SHOWN);
}

export function dismiss(id: number): void {
  const at = notices.findIndex((one) => one.id === id);
  if (at >= 0) notices.splice(at, 1);
}

export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied.`);
  } catch {
    say("The browser did not let the page copy; select the text instead.", true);
  }
}
