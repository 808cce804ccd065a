// The theme: as the system has it, or as chosen here; and the colours in force, for what is drawn on a canvas.

export type Theme = "system" | "light" | "dark";

const KEY = "segue.theme";
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function stored(): Theme {
  const chosen = root.dataset.theme;
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

let chosen = $state<Theme>(stored());
let version = $state(0);
const known = new Map<string, string>();

function changed(): void {
  known.clear();
  version += 1;
}

system.addEventListener("change", changed);

export const theme = {
  get chosen(): Theme {
    return chosen;
  },
  set chosen(value: Theme) {
    chosen = value;
    if (value === "system") delete root.dataset.theme;
    else root.dataset.theme = value;
    try {
      localStorage.setItem(KEY, value);
    } catch {
      // The choice holds until the page is closed.
    }
    changed();
  },
  get isDark(): boolean {
    return chosen === "dark" || (chosen === "system" && system.matches);
  },
  // Grows with every change: an effect that draws on a canvas reads it to draw again.
  get version(): number {
    return version;
  },
};

// The value in force of a colour token, such as "--failed"; a canvas does not know of tokens.
export function colour(token: string): string {
  const found = known.get(token);
  if (found) return found;
  const probe = document.createElement("i");
  probe.style.color = `var(${token})`;
  root.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  known.set(token, value);
  return value;
}
