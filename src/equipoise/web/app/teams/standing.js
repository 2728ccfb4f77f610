/** How a team stands, as cells of tables and as bars of one scale for each level of the tree. */
import { html } from "htm/preact";
import { Bar } from "../parts/bar.js";
import { count, duration, percent } from "../units.js";

/** @typedef {import("../parts/columns.js").Row} Row */
/** @typedef {import("../parts/columns.js").Column} Column */

/** A row's bar, as wide as the widest of its level. @param {import("../parts/columns.js").Columnar} data @returns {(_: any, row: Row) => any} */
export function bars(data) {
  const place = (/** @type {string} */ name) => data.columns.indexOf(name);
  const [depth, ...sizes] = ["depth", "held_gpus", "entitled_gpus", "floor_gpus"].map(place);
  /** @type {number[]} */
  const most = [];
  for (const row of data.rows) most[row[depth]] = Math.max(most[row[depth]] ?? 1, ...sizes.map((n) => row[n]));
  return (_, row) =>
    html`<${Bar} held=${row("held_gpus")} floor=${row("floor_gpus")} entitled=${row("entitled_gpus")} borrowed=${Math.min(row("borrowed_gpus"), row("held_gpus"))}
      lent=${row("lent_gpus")} most=${most[row("depth")]} />`;
}

/** The columns of a table of teams, after the path. @param {import("../parts/columns.js").Columnar} data @returns {Column[]} */
export function standingColumns(data) {
  return [
    { name: "borrowed_gpus", title: "Standing", isFixed: true, show: bars(data) },
    { name: "lacks_gpus", title: "Below floor", isNumber: true, show: (value) => (value ? html`<b class="bad">${count(value)}</b>` : "–") },
    { name: "denied_7d_ppm", title: "Denied, 7 d", isNumber: true, show: (value, row) => (row("starving") ? html`<b class="bad">${percent(value)}, starving</b>` : percent(value)) },
    { name: "held_gpus", title: "Held", isNumber: true, show: count },
    { name: "entitled_gpus", title: "Entitled", isNumber: true, show: count },
    { name: "floor_gpus", title: "Floor", isNumber: true, show: count },
    { name: "waiting_gpus", title: "Waiting", isNumber: true, show: count },
    { name: "longest_wait_ms", title: "Longest wait", isNumber: true, show: (value) => (value ? duration(value) : "–") },
    { name: "share_28d_ppm", title: "Share, 28 d", isNumber: true, show: percent },
    { name: "floor_ppm", title: "Floor share", isNumber: true, show: percent },
  ];
}
