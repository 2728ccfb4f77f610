/** Fans of several things on all courses, side by side on one scale, with the same numbers as a table and CSV. */
import { useState } from "preact/hooks";
import { html } from "htm/preact";
import { csvOf, download, reader } from "../parts/columns.js";
import { Table } from "../parts/table.js";
import { go, param } from "../state.js";
import { FanChart } from "./fan.js";
import { figure, roundUp } from "./figures.js";

/** @typedef {import("./years.js").Course} Course */
/** @typedef {import("./years.js").Fan} Fan */
/** @typedef {{name: string, team: string, title: string, note?: string}} Wanted */

/**
 * @param {{name: string, label: string, courses: Course[], wanted: Wanted[], titles: string[], tools?: import("preact").ComponentChildren}} props
 *   `name` is that of the table in the address and of its file.
 */
export function Fans({ name, label, courses, wanted, titles, tools }) {
  const isTable = param(`${name}.table`).value === "1";
  const found = wanted.flatMap((one) => {
    const fans = courses.map((course) => course.fans.find((fan) => fan.name === one.name && fan.team === one.team));
    return fans.every((fan) => fan !== undefined) ? [{ ...one, fans: /** @type {Fan[]} */ (fans) }] : [];
  });
  const data = tableOf(found, titles);
  function save() {
    download(`${name}.csv`, csvOf(COLUMNS, data.rows.map(reader(data.columns))));
  }
  return html`<div class="fans">
    <div class="tools">
      ${tools}
      <button type="button" class="push" aria-pressed=${String(isTable)} onClick=${() => go({ [`${name}.table`]: isTable ? null : 1 })}>Table</button>
      <button type="button" onClick=${save}>CSV</button>
    </div>
    <div class="cards wide">${found.map((one) => html`<${Pair} key=${one.name + one.team} of=${one} titles=${titles} />`)}</div>
    ${isTable && html`<${Table} name=${`${name}-rows`} label=${label} columns=${COLUMNS} data=${data} keyed="row" isPlain />`}
  </div>`;
}

/** @param {{of: Wanted & {fans: Fan[]}, titles: string[]}} props */
function Pair({ of, titles }) {
  const [at, move] = useState(/** @type {number | null} */ (null));
  const { scale, isCut } = scaleOf(of.fans);
  return html`<section class="card">
    <header><h3>${of.title}</h3>${(of.note || isCut) && html`<span class="soft">${of.note}${isCut ? ` Scale cut at ${figure(scale.most, of.fans[0].unit)}.` : ""}</span>`}</header>
    <div class="pair">${of.fans.map((fan, n) => html`<${FanChart} key=${n} fan=${fan} course=${n} label=${titles[n]} title=${of.title} scale=${scale} at=${at} onMove=${move} />`)}</div>
  </section>`;
}

/** One scale for all courses; revenue has long tails, so its scale ends at the double of the upper quartiles. @param {Fan[]} fans */
function scaleOf(fans) {
  const values = fans.flatMap((fan) => fan.bands.flat());
  const most = Math.max(...values);
  const least = Math.min(...values);
  if (fans[0].unit === "part") return { scale: { least: 0, most: Math.max(1, roundUp(most)) }, isCut: false };
  const quartile = Math.max(...fans.flatMap((fan) => fan.bands[3]));
  const top = fans[0].name === "revenue" ? Math.min(most, 2 * quartile) : most;
  const scale = { least: least < 0 ? -roundUp(-least) : 0, most: roundUp(Math.max(top, 1e-9)) };
  return { scale, isCut: most > scale.most };
}

const show = (/** @type {number} */ value, /** @type {import("../parts/columns.js").Row} */ row) => figure(value, row("unit"));
/** @type {import("../parts/columns.js").Column[]} */
const COLUMNS = [
  { name: "what", title: "Of" },
  { name: "course", title: "Course" },
  { name: "month", title: "Month", isNumber: true },
  { name: "p5", title: "5 %", isNumber: true, show },
  { name: "p25", title: "25 %", isNumber: true, show },
  { name: "p50", title: "Median", isNumber: true, show },
  { name: "p75", title: "75 %", isNumber: true, show },
  { name: "p95", title: "95 %", isNumber: true, show },
  { name: "unit", title: "Unit" },
];

/** @param {(Wanted & {fans: Fan[]})[]} found @param {string[]} titles @returns {import("../parts/columns.js").Columnar} */
function tableOf(found, titles) {
  const rows = found.flatMap((one) =>
    one.fans.flatMap((fan, n) => fan.months.map((month, place) => [`${one.name} ${one.team} ${n} ${month}`, one.title, titles[n], month, ...fan.bands.map((band) => band[place]), fan.unit])),
  );
  return { columns: ["row", "what", "course", "month", "p5", "p25", "p50", "p75", "p95", "unit"], rows };
}
