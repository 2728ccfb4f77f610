/** The picture's numbers as a table, and as CSV: one row for every column, or for some of them. */
import { html } from "htm/preact";
import { csvOf, download, reader } from "../parts/columns.js";
import { Table } from "../parts/table.js";
import { count, instant, iso } from "../units.js";
import { heldAt, momentAt } from "./planes.js";

const ROWS = 48;
const NUMBERS = /** @type {const} */ ([
  ["held", "Held"], ["waiting_gpus", "Waited for"], ["denied_gpus", "Denied"], ["starts", "Starts"], ["reclaims", "Reclaimed"], ["failures", "Lost with nodes"],
]);

/** @param {import("./planes.js").Picture} picture @param {number} every */
function tabled(picture, every) {
  const { of, planes } = picture;
  const names = ["at", ...NUMBERS.map(([name]) => name), ...of.teams];
  const rows = [];
  for (let column = 0; column < of.width; column += every) {
    const own = NUMBERS.map(([name], n) => (n < 3 ? planes[name][column] : sum(planes[name].subarray(column, column + every))));
    rows.push([momentAt(of, column), ...own, ...heldAt(picture, column)]);
  }
  return { columns: names, rows };
}

/** @param {import("./planes.js").Plane} values */
function sum(values) {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** @param {string[]} teams @returns {import("../parts/columns.js").Column[]} */
function columns(teams) {
  return [
    { name: "at", title: "Time", show: instant, csv: (at) => iso(Math.round(at)) },
    ...NUMBERS.map(([name, title]) => ({ name, title, isNumber: true, show: count })),
    ...teams.map((name) => ({ name, title: name, isNumber: true, show: count })),
  ];
}

/** @param {{picture: import("./planes.js").Picture, title: string}} props */
export function Twin({ picture, title }) {
  const every = Math.ceil(picture.of.width / ROWS);
  return html`<${Table} name=${`raster-${picture.of.run}`} label=${`${title}: devices held, waited for and denied; of teams as far as pixels tell`} data=${tabled(picture, every)} columns=${columns(picture.of.teams)} />`;
}

/** @param {import("./planes.js").Picture} picture */
export function save(picture) {
  const { columns: names, rows } = tabled(picture, 1);
  download(`timeline-${picture.of.run}-${picture.of.pool}.csv`, csvOf(columns(picture.of.teams), rows.map(reader(names))));
}
