// Rules in words.
import type { Condition, Match, Rule } from "../api/types";
import { span } from "../lib/time";

// "flow-run.failed or flow-run.crashed of etl-*, tagged prod"
export function matched(match: Match): string {
  const kinds = listed(match.kinds) || "any event";
  const parts = [
    ["named", match.states],
    ["of", match.flows],
    ["tagged", match.tags],
    ["of the deployment", match.deployments],
    ["of the run", match.runs],
    ["about", match.subjects],
  ] as const;
  return parts.reduce((text, [word, values]) => (values?.length ? `${text} ${word} ${listed(values)}` : text), kinds);
}

export function condition(when: Condition): string {
  // Rules are written in round times: "10 min" rather than "10 min 00 s".
  const within = when.within ? ` within ${span(1000 * when.within).replace(/ 00 \w+$/, "")}` : "";
  if (when.type === "sequence") return `${(when.steps ?? []).map(matched).join(", then ")}${within}`;
  if (when.type === "compound") {
    const parts = (when.parts ?? []).map((part) => `(${condition(part)})`);
    if (typeof when.require === "number") return `${when.require} of ${parts.join(", ")}${within}`;
    return `${parts.join(when.require === "any" ? " or " : " and ")}${within}`;
  }
  if (when.type === "proactive") {
    const by = when.by ? ` by ${when.by.at.slice(0, 5)} ${when.by.timezone}` : "";
    const after = when.after ? ` after ${matched(when.after)}` : "";
    return `no ${matched(when.expect ?? {})}${within}${after}${by}`;
  }
  const often = (when.count ?? 1) > 1 ? `${when.count} times ` : "";
  return `${often}${matched(when.on ?? {})}${within}`;
}

export function action(one: Rule["actions"][number]): string {
  const tags = Array.isArray(one.tags) ? listed(one.tags.map(String)) : "";
  const name = typeof one.action === "string" ? one.action : "";
  if (name === "notify") return tags ? `Tell ${tags}` : "Tell all targets";
  const what = one.target ?? one.function ?? one.deployment ?? "";
  return `${name.charAt(0).toUpperCase()}${name.slice(1).replaceAll("-", " ")} ${typeof what === "string" ? what : ""}`.trim();
}

function listed(words: readonly string[] = []): string {
  return words.join(" or ");
}
