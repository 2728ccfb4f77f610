/** Waits by gang size as whiskers on a scale of powers: half waited no longer than the large dot, 95 and 99 of 100 than the others. */
import { html } from "htm/preact";
import { Table } from "../parts/table.js";
import { count, duration } from "../units.js";

const WIDTH = 300;
const LEAST_MS = 1000;

/** @param {{of: import("../parts/columns.js").Columnar & {lasts_ms: number}}} props */
export function Whiskers({ of }) {
  const at = (/** @type {string} */ name) => of.columns.indexOf(name);
  const most = Math.max(LEAST_MS * 10, ...of.rows.map((row) => row[at("wait_p99_ms")] ?? 0));
  const x = (/** @type {number} */ ms) => 6 + (WIDTH - 12) * (Math.log(Math.max(ms, LEAST_MS) / LEAST_MS) / Math.log(most / LEAST_MS));
  const columns = [
    { name: "gang_to", title: "Gang", show: (/** @type {number} */ to, /** @type {import("../parts/columns.js").Row} */ row) => (row("gang_from") === to ? count(to) : `${count(row("gang_from"))} to ${count(to)}`) },
    {
      name: "gang_from", title: `Waits, 1 s to ${duration(most)}`, isFixed: true,
      show: (/** @type {number} */ _, /** @type {import("../parts/columns.js").Row} */ row) => html`<${Whisker} waits=${["wait_p50_ms", "wait_p95_ms", "wait_p99_ms"].map((name) => row(name))} x=${x} />`,
    },
    { name: "wait_p50_ms", title: "Half", isNumber: true, show: duration },
    { name: "wait_p95_ms", title: "95 of 100", isNumber: true, show: duration },
    { name: "wait_p99_ms", title: "99 of 100", isNumber: true, show: duration },
    { name: "jobs", title: "Jobs", isNumber: true, show: count },
    { name: "started", title: "Started", isNumber: true, show: count },
  ];
  return html`<${Table} name="waits" label="Waits by gang size" data=${of} columns=${columns} none="No job could run in this time." />`;
}

/** @param {{waits: (number | null)[], x: (ms: number) => number}} props */
function Whisker({ waits, x }) {
  const [half, most, last] = waits;
  if (half === null || most === null || last === null) return "–";
  return html`<svg class="whisker" viewBox="0 0 ${WIDTH} 16" role="img" aria-label=${`half within ${duration(half)}, 95 of 100 within ${duration(most)}, 99 of 100 within ${duration(last)}`}>
    <line x1=${x(half)} x2=${x(last)} y1="8" y2="8" /><circle cx=${x(half)} cy="8" r="5" /><circle cx=${x(most)} cy="8" r="3.5" /><circle cx=${x(last)} cy="8" r="2.5" />
  </svg>`;
}
