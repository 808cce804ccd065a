// Where the page is: the path and the query after the "#".

interface Place {
  path: string[];
  query: URLSearchParams;
}

function read(): Place {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const parts = path.split("/").filter(Boolean);
  return { path: parts.map(decoded), query: new URLSearchParams(query) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// Both are replaced as a whole and never changed in place.
let place = $state.raw<Place>(read());

export const route = {
  get path(): string[] {
    return place.path;
  },
  get query(): URLSearchParams {
    return place.query;
  },
};

addEventListener("hashchange", () => (place = read()));

export function to(...parts: string[]): string {
  return "#/" + parts.map(encodeURIComponent).join("/");
}

export function go(hash: string): void {
  location.hash = hash;
}

// Keep what a view is set to in the address, without a step in the history.
export function keep(changes: Record<string, string | string[] | null>): void {
  const query = new URLSearchParams(place.query);
  for (const [key, value] of Object.entries(changes)) {
    query.delete(key);
    for (const one of Array.isArray(value) ? value : [value]) if (one) query.append(key, one);
  }
  const text = query.toString();
  history.replaceState(null, "", to(...place.path) + (text ? "?" + text : ""));
  place = read();
}
