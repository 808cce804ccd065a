// Command lines as one types them into a shell.
import type { FlowRunDetails } from "../api/types";

export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

// What runs the flow again with the parameters of this run, "" where nobody knows where the flow is.
export function again(run: FlowRunDetails): string {
  if (!run.entrypoint) return "";
  const parameters = Object.keys(run.parameters).length ? ` --params ${quoted(JSON.stringify(run.parameters))}` : "";
  return `segue run ${quoted(run.entrypoint)}${parameters}`;
}
