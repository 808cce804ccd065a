// Paints the timeline's visible rows on a canvas; what it costs depends on the window's size, not on the run's.
import { colour } from "../lib/theme.svelte";
import { look } from "../lib/states";
import { span, tick, ticks } from "../lib/time";
import type { Node, Span } from "./tree";

export const ROW = 24;
export const AXIS = 24;
const BAR = 12;
const INDENT = 12;
const MARK = 8;
export const FONT = "12px ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, Inter, sans-serif";

export interface Scene {
  rows: readonly Node[];
  width: number;
  height: number;
  scroll: number;
  labels: number;
  from: number;
  until: number;
  now: number;
  pointed: number;
  selected: string;
}

export function fit(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const ctx = canvas.getContext("2d")!;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  return ctx;
}

export function paint(canvas: HTMLCanvasElement, scene: Scene): void {
  const ctx = fit(canvas, scene.width, scene.height);
  ctx.clearRect(0, 0, scene.width, scene.height);
  ctx.font = FONT;
  ctx.textBaseline = "middle";
  const first = Math.max(0, Math.floor(scene.scroll / ROW));
  const last = Math.min(scene.rows.length, Math.ceil((scene.scroll + scene.height - AXIS) / ROW));
  paintGrid(ctx, scene);
  ctx.save();
  ctx.beginPath();
  ctx.rect(0, AXIS, scene.width, scene.height - AXIS);
  ctx.clip();
  for (let at = first; at < last; at++) paintRow(ctx, scene, scene.rows[at]!, at);
  ctx.restore();
}

function paintGrid(ctx: CanvasRenderingContext2D, scene: Scene): void {
  const { labels, width, height, from, until } = scene;
  const axis = ticks(from, until, Math.max(2, (width - labels) / 100));
  const x = places(scene);
  ctx.fillStyle = colour("--line");
  ctx.fillRect(0, AXIS - 1, width, 1);
  ctx.fillRect(labels - 1, 0, 1, height);
  ctx.textAlign = "left";
  for (const at of axis.at) {
    const left = Math.round(x(at));
    ctx.fillStyle = colour("--line");
    ctx.fillRect(left, 0, 1, height);
    ctx.fillStyle = colour("--ink-faint");
    // Short runs are read by how long after their beginning, long ones by the clock.
    const text = axis.step < 1000 ? `+${span(at - from)}` : tick(at, axis.step);
    ctx.fillText(text, left + 5, AXIS / 2);
  }
}

function paintRow(ctx: CanvasRenderingContext2D, scene: Scene, node: Node, at: number): void {
  const top = AXIS + at * ROW - scene.scroll;
  if (node.id === scene.selected) {
    ctx.fillStyle = colour("--accent-soft");
    ctx.fillRect(0, top, scene.width, ROW);
  } else if (at === scene.pointed) {
    ctx.fillStyle = colour("--hover");
    ctx.fillRect(0, top, scene.width, ROW);
  }
  paintLabel(ctx, scene, node, top);
  ctx.save();
  ctx.beginPath();
  ctx.rect(scene.labels, top, scene.width - scene.labels, ROW);
  ctx.clip();
  const x = places(scene);
  node.spans.forEach((one, index) => paintSpan(ctx, scene, x, node, one, index, top));
  paintLength(ctx, scene, x, node, top);
  ctx.restore();
}

function paintLabel(ctx: CanvasRenderingContext2D, scene: Scene, node: Node, top: number): void {
  const left = 14 + Math.min(node.depth, 6) * INDENT;
  ctx.fillStyle = colour(`--${look(node.state)}`);
  ctx.beginPath();
  if (node.kind === "flow-run") ctx.roundRect(left, top + (ROW - MARK) / 2, MARK, MARK, 2);
  else ctx.arc(left + MARK / 2, top + ROW / 2, MARK / 2, 0, 2 * Math.PI);
  ctx.fill();
  const failed = node.state.type === "FAILED" || node.state.type === "CRASHED";
  ctx.fillStyle = failed ? colour(`--${look(node.state)}-ink`) : colour("--ink");
  ctx.textAlign = "left";
  ctx.fillText(cut(ctx, node.name, scene.labels - left - MARK - 14), left + MARK + 7, top + ROW / 2 + 0.5);
}

function paintSpan(
  ctx: CanvasRenderingContext2D,
  scene: Scene,
  x: (at: number) => number,
  node: Node,
  one: Span,
  index: number,
  top: number,
): void {
  const left = Math.max(x(one.from), scene.labels - 4);
  const right = Math.min(x(one.to ?? scene.now), scene.width + 4);
  if (right < scene.labels || left > scene.width) return;
  const middle = top + ROW / 2;
  if (one.phase !== "run") {
    if (right - left < 1.5) return;
    ctx.fillStyle = colour(one.phase === "queue" ? "--pending" : "--scheduled");
    ctx.globalAlpha = one.phase === "queue" ? 0.5 : 1;
    if (one.phase === "queue") ctx.fillRect(left, middle - 1, right - left, 2);
    else for (let at = left; at < right; at += 6) ctx.fillRect(at, middle - 1, Math.min(3, right - at), 2);
    ctx.globalAlpha = 1;
    return;
  }
  // An attempt that others follow has failed.
  const isLast = index === node.spans.length - 1;
  ctx.fillStyle = colour(isLast ? `--${look(node.state)}` : "--failed");
  ctx.globalAlpha = isLast ? (node.state.type === "COMPLETED" ? 0.82 : 1) : 0.55;
  const width = Math.max(2, right - left);
  ctx.beginPath();
  ctx.roundRect(left, middle - BAR / 2, width, BAR, Math.min(3, width / 2));
  ctx.fill();
  ctx.globalAlpha = 1;
}

function paintLength(ctx: CanvasRenderingContext2D, scene: Scene, x: (at: number) => number, node: Node, top: number): void {
  const first = node.spans.find((one) => one.phase === "run");
  if (!first) return;
  const end = node.ended ?? scene.now;
  const right = Math.max(x(end), x(first.from) + 2);
  if (right < scene.labels || x(first.from) > scene.width) return;
  const retried = node.attempts > 1 ? ` · ${node.attempts} attempts` : "";
  const text = span(end - first.from) + retried;
  const needed = ctx.measureText(text).width + 12;
  ctx.textAlign = "left";
  ctx.fillStyle = colour("--ink-soft");
  if (right + needed < scene.width) ctx.fillText(text, right + 6, top + ROW / 2 + 0.5);
  else if (x(first.from) - needed > scene.labels) ctx.fillText(text, x(first.from) - needed + 6, top + ROW / 2 + 0.5);
}

export function places(scene: { labels: number; width: number; from: number; until: number }): (at: number) => number {
  const factor = (scene.width - scene.labels - 14) / Math.max(scene.until - scene.from, 0.001);
  return (at) => scene.labels + 4 + (at - scene.from) * factor;
}

const cuts = new Map<string, string>();

// The text, or as much of its beginning as there is room for.
function cut(ctx: CanvasRenderingContext2D, text: string, room: number): string {
  const key = `${Math.round(room)} ${text}`;
  const known = cuts.get(key);
  if (known !== undefined) return known;
  let short = text.length > 300 ? text.slice(0, 300) : text;
  if (ctx.measureText(short).width > room) {
    let [low, high] = [0, short.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (ctx.measureText(short.slice(0, middle) + "…").width <= room) low = middle;
      else high = middle - 1;
    }
    short = low > 0 ? short.slice(0, low) + "…" : "";
  }
  if (cuts.size > 20_000) cuts.clear();
  cuts.set(key, short);
  return short;
}
