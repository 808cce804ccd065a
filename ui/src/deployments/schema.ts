// Fields of a form, from the JSON schema of a deployment's parameters: what each is, shows, takes and sends.
import type { JsonSchema } from "../api/work";

export type FieldKind = "text" | "number" | "flag" | "choice" | "instant" | "date" | "json";

export interface Field {
  name: string;
  label: string;
  help: string;
  kind: FieldKind;
  // What the field takes, in a word or two.
  takes: string;
  isRequired: boolean;
  isNullable: boolean;
  isInteger: boolean;
  choices: unknown[];
}

// What stands in a field: always text, but for flags; the value it means is made when it is sent.
export type Entry = string | boolean;

const DEEPEST = 6;

export function fields(schema: JsonSchema): Field[] {
  const required = new Set(schema.required ?? []);
  const properties = Object.entries(schema.properties ?? {}).map(([name, one]) => field(name, one, schema, required.has(name)));
  const position = (one: Field): number => schema.properties?.[one.name]?.position ?? 0;
  return properties.sort((a, b) => position(a) - position(b));
}

function field(name: string, own: JsonSchema, root: JsonSchema, isRequired: boolean): Field {
  const [schema, isNullable] = plain(own, root, 0);
  const kind = kindOf(schema);
  const types = [schema.type ?? []].flat();
  return {
    name,
    label: name,
    help: own.description ?? schema.description ?? "",
    kind,
    takes: takes(kind, schema, types),
    isRequired: isRequired && own.default === undefined,
    isNullable,
    isInteger: types.includes("integer"),
    choices: schema.const !== undefined ? [schema.const] : (schema.enum ?? []),
  };
}

// The schema that is meant, behind references and beside null; and whether null is taken too.
function plain(schema: JsonSchema, root: JsonSchema, depth: number): [JsonSchema, boolean] {
  if (depth > DEEPEST) return [{}, true];
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1)!;
    const found = root.$defs?.[name] ?? root.definitions?.[name] ?? {};
    return plain(found, root, depth + 1);
  }
  if (schema.allOf?.length === 1) return plain(schema.allOf[0]!, root, depth + 1);
  if (schema.anyOf) {
    const others = schema.anyOf.filter((one) => one.type !== "null");
    const isNullable = others.length < schema.anyOf.length;
    if (others.length !== 1) return [{}, isNullable];
    const [inner, also] = plain(others[0]!, root, depth + 1);
    return [inner, isNullable || also];
  }
  if (Array.isArray(schema.type) && schema.type.includes("null")) {
    const types = schema.type.filter((one) => one !== "null");
    return [{ ...schema, type: types.length === 1 ? types[0]! : types }, true];
  }
  return [schema, false];
}

function kindOf(schema: JsonSchema): FieldKind {
  if (schema.enum?.length || schema.const !== undefined) return "choice";
  if (schema.type === "boolean") return "flag";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type !== "string") return "json";
  if (schema.format === "date-time") return "instant";
  return schema.format === "date" ? "date" : "text";
}

function takes(kind: FieldKind, schema: JsonSchema, types: string[]): string {
  if (kind === "instant") return "your time";
  if (kind === "json") return types.length ? `${types.join(" or ")}, as JSON` : "JSON";
  if (kind === "choice") return "one of these";
  return schema.format ?? types[0] ?? "";
}

// --- values ---

export function entry(field: Field, value: unknown): Entry {
  if (field.kind === "flag" && !field.isNullable) return value === true;
  if (value === undefined || value === null) return "";
  if (field.kind === "choice") return String(field.choices.findIndex((one) => isSame(one, value)));
  if (field.kind === "instant") return typeof value === "string" ? local(value) : "";
  if (field.kind === "json") return JSON.stringify(value, null, 2);
  return typeof value === "string" ? value : JSON.stringify(value);
}

export class Unusable extends Error {}

// The value that an entry means, undefined if nothing was entered; throws Unusable with a sentence.
export function value(field: Field, given: Entry): unknown {
  if (typeof given === "boolean") return given;
  if (field.kind === "text" && !(field.isNullable && given === "")) return given;
  if (given.trim() === "") return field.isNullable ? null : undefined;
  if (field.kind === "flag") return given === "true";
  if (field.kind === "choice") return field.choices[Number(given)];
  if (field.kind === "instant") return new Date(given).toISOString();
  if (field.kind === "number") return number(field, given);
  return field.kind === "json" ? json(given) : given;
}

function number(field: Field, given: string): number {
  const found = Number(given);
  if (Number.isNaN(found)) throw new Unusable(`'${given}' is no number.`);
  if (field.isInteger && !Number.isInteger(found)) throw new Unusable(`${given} is no whole number.`);
  if (field.isInteger && !Number.isSafeInteger(found)) throw new Unusable(`${given} has more digits than a browser keeps.`);
  return found;
}

export function json(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Unusable(`This is no JSON: ${why}. Texts stand between double quotes.`);
  }
}

export function isSame(one: unknown, other: unknown): boolean {
  return sorted(one) === sorted(other);
}

function sorted(value: unknown): string {
  return JSON.stringify(value ?? null, (_, one: unknown) =>
    one !== null && typeof one === "object" && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

// An instant as an input of the type datetime-local has it: in this browser's time zone.
export function local(instant: string | number): string {
  const at = new Date(instant);
  if (Number.isNaN(at.getTime())) return "";
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

// Which parameter a wrong field of the API is about: "body.parameters.day" is of "day"; "" for none.
export function parameterOf(path: string): string {
  const found = /(?:^|\.)parameters(?:\.|\[['"]?)([^.[\]'"]+)/.exec(path);
  return found?.[1] ?? "";
}
