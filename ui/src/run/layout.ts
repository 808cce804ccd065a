// Where the nodes of a dependency graph stand: by dagre; large runs are drawn by task instead of by task run.
import { Graph, layout } from "@dagrejs/dagre";
import type { State } from "../api/types";
import { worst } from "../lib/states";
import type { Node } from "./tree";

export const MOST = 250;
const WIDTH = 190;
const HEIGHT = 38;

export interface Box {
  id: string;
  name: string;
  count: number;
  state: State;
  kind: Node["kind"];
  x: number;
  y: number;
}

export interface Picture {
  boxes: Box[];
  lines: { id: string; d: string }[];
  width: number;
  height: number;
  isGrouped: boolean;
}

export const BOX = { width: WIDTH, height: HEIGHT };

export function picture(nodes: readonly Node[]): Picture {
  const isGrouped = nodes.length > MOST;
  const groupOf = new Map<string, string>();
  const groups = new Map<string, Node[]>();
  for (const node of nodes) {
    const group = isGrouped ? `${node.kind} ${node.label}` : node.id;
    groupOf.set(node.id, group);
    const members = groups.get(group);
    if (members) members.push(node);
    else groups.set(group, [node]);
  }
  const graph = new Graph({ multigraph: false });
  graph.setGraph({ rankdir: "LR", nodesep: 14, ranksep: 54, marginx: 16, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const group of groups.keys()) graph.setNode(group, { width: WIDTH, height: HEIGHT });
  for (const node of nodes) {
    const target = groupOf.get(node.id)!;
    const sources = [...node.upstream, ...(groupOf.has(node.parent) ? [node.parent] : [])];
    for (const one of sources) {
      const source = groupOf.get(one);
      if (source && source !== target) graph.setEdge(source, target);
    }
  }
  layout(graph);
  return drawn(graph, groups, isGrouped);
}

function drawn(graph: Graph, groups: Map<string, Node[]>, isGrouped: boolean): Picture {
  const boxes = [...groups].map(([id, members]): Box => {
    const first = members[0]!;
    const { x, y } = graph.node(id) as { x: number; y: number };
    const name = isGrouped ? first.label : first.name;
    return { id: first.id, name, count: members.length, state: worst(members.map((one) => one.state))!, kind: first.kind, x, y };
  });
  const lines = graph.edges().map((edge) => {
    const { points } = graph.edge(edge) as { points: { x: number; y: number }[] };
    const [source, target] = [graph.node(edge.v), graph.node(edge.w)] as { x: number; y: number }[];
    // From the right side of the one to the left side of the other, by way of the bends between.
    const start = { x: source!.x + WIDTH / 2, y: source!.y };
    const end = { x: target!.x - WIDTH / 2, y: target!.y };
    return { id: `${edge.v} ${edge.w}`, d: curve([start, ...points.slice(1, -1), end]) };
  });
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return { boxes, lines, width, height, isGrouped };
}

// A line through the points, bent at the middle ones.
function curve(points: { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let d = `M${first.x} ${first.y}`;
  let last = first;
  for (const point of rest) {
    const middle = (last.x + point.x) / 2;
    d += `C${middle} ${last.y} ${middle} ${point.y} ${point.x} ${point.y}`;
    last = point;
  }
  return d;
}
