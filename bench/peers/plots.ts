// The bench's figures as one SVG: steps per second and CPU per step beside peers, and CPU per step
// against the size of the job. Pure.
import type { Point } from "./points.ts";

const width = 860;
const bar = { height: 18, gap: 8, left: 300, right: 90 };
const ink = "#1f2328";
const colors = { ours: "#2563eb", theirs: "#9ca3af", grid: "#d1d5db" };
const logSizes = [10, 100, 1000];

export function renderPlots(points: readonly Point[]): string {
  const of = (plot: Point["plot"]) => points.filter((point) => point.plot === plot);
  const parts: string[] = [];
  let top = 20;
  const charts = [
    bars("Steps per second (longer is better)", of("rate"), (y) => y.toFixed(1)),
    bars("CPU per step of everything, ms (shorter is better)", of("cpu"), (y) => y.toFixed(0)),
    lines("CPU per step, ms, by the ops of the job (Postgres)", of("job size")),
  ];
  for (const { svg, height } of charts) {
    parts.push(`<g transform="translate(0 ${top})">${svg}</g>`);
    top += height + 24;
  }
  const style = `font-family="system-ui, sans-serif" font-size="13" fill="${ink}"`;
  const title = "<title>Steps per second and CPU per step of taskiq and its peers</title>";
  const sheet = `<rect width="${width}" height="${top}" fill="#ffffff"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top}" ${style}>\n${title}\n${sheet}\n${parts.join("\n")}\n</svg>\n`;
}

interface Chart {
  readonly svg: string;
  readonly height: number;
}

function bars(title: string, points: readonly Point[], label: (y: number) => string): Chart {
  const room = width - bar.left - bar.right;
  const most = Math.max(...points.map(({ y }) => y), 1);
  const rows = points.map(({ contender, y }, i) => {
    const at = 30 + i * (bar.height + bar.gap);
    const middle = at + bar.height / 2 + 4;
    const length = Math.max(1, (room * y) / most);
    return [
      `<text x="${bar.left - 10}" y="${middle}" text-anchor="end">${escaped(contender)}</text>`,
      `<rect x="${bar.left}" y="${at}" width="${length.toFixed(1)}" height="${bar.height}" fill="${colorOf(contender)}"/>`,
      `<text x="${(bar.left + length + 6).toFixed(1)}" y="${middle}">${label(y)}</text>`,
    ].join("");
  });
  return { svg: heading(title) + rows.join("\n"), height: 30 + points.length * (bar.height + bar.gap) };
}

function lines(title: string, points: readonly Point[]): Chart {
  const area = { left: 80, top: 40, width: 520, height: 200 };
  const most = Math.max(...points.map(({ y }) => y), 1) * 1.1;
  const x = (size: number) => area.left + (area.width * Math.log10(size / 10)) / 2;
  const y = (ms: number) => area.top + area.height * (1 - ms / most);
  const axis = logSizes.map(
    (size) => `<text x="${x(size)}" y="${area.top + area.height + 20}" text-anchor="middle">${size} ops</text>`,
  );
  const grid = [0, 0.5, 1].map((share) => {
    const at = y(share * most).toFixed(1);
    const line = `<line x1="${area.left}" x2="${area.left + area.width}" y1="${at}" y2="${at}" stroke="${colors.grid}"/>`;
    return `${line}<text x="${area.left - 8}" y="${Number(at) + 4}" text-anchor="end">${(share * most).toFixed(0)}</text>`;
  });
  const series = [...Map.groupBy(points, ({ contender }) => contender)].map(([name, of]) => {
    const path = of.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(" ");
    const [endX, endY] = path.split(" ").at(-1)?.split(",").map(Number) ?? [];
    const label = `<text x="${(endX ?? 0) + 10}" y="${(endY ?? 0) + 4}">${escaped(name)}</text>`;
    return `<polyline points="${path}" fill="none" stroke="${colorOf(name)}" stroke-width="2.5"/>${label}`;
  });
  const svg = heading(title) + [...grid, ...axis, ...series].join("\n");
  return { svg, height: area.top + area.height + 30 };
}

/** Peers are grey. */
function colorOf(contender: string): string {
  return /fork|recycled|spawn/.test(contender) ? colors.ours : colors.theirs;
}

function heading(title: string): string {
  return `<text x="20" y="14" font-weight="600">${escaped(title)}</text>\n`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
