import type { LargeDumpRow } from "./large-dumps.ts";

/** Draws what large dumps cost as one SVG picture: a panel each for bytes, requests and rounds, over the size of RAM. */

const PANEL = { width: 270, height: 230, left: 52, top: 58, gap: 34 };
const COLOURS: Readonly<Record<string, string>> = {
  full: "#1f6feb",
  "bitmap-full": "#b35900",
  "bitmap-kernel": "#2a7d46",
};

interface Panel {
  readonly title: string;
  readonly budget: number;
  readonly value: (row: LargeDumpRow) => number;
  readonly label: (value: number) => string;
}

/** The picture; rows of one scenario. */
export function plotLargeDumps(rows: readonly LargeDumpRow[]): string {
  const needed = Math.min(...rows.map(({ neededPages }) => neededPages));
  const panels: Panel[] = [
    {
      title: "KiB read, bitmap apart (budget 8192)",
      budget: 8192,
      value: ({ bytes }) => bytes / 1024,
      label: (value) => value.toFixed(0),
    },
    {
      title: `requests (budget 1.3 × ${needed} pages)`,
      budget: 1.3 * needed,
      value: ({ requests }) => requests,
      label: (value) => value.toFixed(0),
    },
    { title: "rounds (budget 25)", budget: 25, value: ({ rounds }) => rounds, label: (value) => value.toFixed(0) },
  ];
  const width = panels.length * (PANEL.width + PANEL.gap) + PANEL.left;
  const height = PANEL.height + PANEL.top + 60;
  const types = [...new Set(rows.map(({ type }) => type))];
  const legend = types.map((type, index) => {
    const x = PANEL.left + index * 150;
    return `<rect x="${x}" y="14" width="12" height="12" fill="${colour(type)}"/><text x="${x + 18}" y="24">${type}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" role="img">`,
    "<title>Cost of reading kernel dumps of 1, 8 and 64 GiB with 200 modules and 300 processes</title>",
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...legend,
    ...panels.map((panel, index) => drawPanel(panel, index, rows, types)),
    "</svg>",
    "",
  ].join("\n");
}

function colour(type: string): string {
  return COLOURS[type] ?? "#555";
}

function drawPanel(panel: Panel, index: number, rows: readonly LargeDumpRow[], types: readonly string[]): string {
  const left = PANEL.left + index * (PANEL.width + PANEL.gap);
  const most = 1.08 * Math.max(panel.budget, ...rows.map(panel.value));
  const sizes = [...new Set(rows.map(({ gib }) => gib))].sort((a, b) => a - b);
  const x = (gib: number): number => {
    const place = sizes.length < 2 ? 0.5 : sizes.indexOf(gib) / (sizes.length - 1);
    return round(left + 24 + place * (PANEL.width - 60));
  };
  const y = (value: number): number => round(PANEL.top + PANEL.height * (1 - value / most));
  const base = PANEL.top + PANEL.height;
  const out = [
    `<text x="${left}" y="${PANEL.top - 12}" font-weight="600">${panel.title}</text>`,
    `<path d="M${left} ${PANEL.top}V${base}H${left + PANEL.width}" fill="none" stroke="#333"/>`,
    `<path d="M${left} ${y(panel.budget)}H${left + PANEL.width}" stroke="#c00" stroke-dasharray="5 4"/>`,
    ...sizes.map((gib) => `<text x="${x(gib)}" y="${base + 18}" text-anchor="middle">${gib} GiB</text>`),
  ];
  for (const type of types) {
    const mine = rows.filter((row) => row.type === type).sort((a, b) => a.gib - b.gib);
    const points = mine.map((row) => `${x(row.gib)},${y(panel.value(row))}`).join(" ");
    out.push(`<polyline points="${points}" fill="none" stroke="${colour(type)}" stroke-width="2"/>`);
    for (const row of mine) {
      const [cx, cy] = [x(row.gib), y(panel.value(row))];
      out.push(`<circle cx="${cx}" cy="${cy}" r="3.5" fill="${colour(type)}"/>`);
    }
    const last = mine.at(-1);
    if (last) {
      const at = y(panel.value(last)) + 4 + types.indexOf(type) * 0;
      const text = panel.label(panel.value(last));
      out.push(`<text x="${x(last.gib) + 7}" y="${at}" fill="${colour(type)}">${text}</text>`);
    }
  }
  return out.join("\n");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
