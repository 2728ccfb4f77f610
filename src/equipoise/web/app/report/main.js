/**
 * A report's tables, made to be sorted, searched and taken away. They stand in the page as HTML, for paper and for whoever runs no
 * scripts; a table that is closed is read when it is opened.
 */
import { render } from "preact";
import { html } from "htm/preact";
import { Table } from "../parts/table.js";
import { read } from "./sheet.js";

const SEARCHED = 6; // rows from which a table has its line of tools

/** @param {HTMLElement} still What holds a table. @param {string} name */
function enliven(still, name) {
  const table = still.querySelector("table");
  if (!table) return;
  const { data, columns, keyed } = read(table);
  const label = still.closest("section")?.querySelector("h2")?.textContent ?? name;
  const more = still.querySelector("p")?.textContent;
  const live = document.createElement("div");
  live.className = "live";
  still.before(live);
  render(html`<${Table} name=${name} label=${label} data=${data} columns=${columns} keyed=${keyed} isPlain=${data.rows.length < SEARCHED} />${more && html`<p class="soft">${more}</p>`}`, live);
  still.classList.add("still");
  const file = still.nextElementSibling?.matches(".files") ? still.nextElementSibling.querySelector("a.file") : null;
  if (file) file.textContent = "CSV of all rows, with exact figures";
}

/** @type {Map<string, number>} */
const counts = new Map();
for (const still of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".scroll"))) {
  if (!still.querySelector("table")) continue;
  const anchor = still.closest("section[id]")?.id ?? "table";
  const number = (counts.get(anchor) ?? 0) + 1;
  counts.set(anchor, number);
  const name = number > 1 ? `${anchor}-${number}` : anchor;
  const closed = /** @type {HTMLDetailsElement | null} */ (still.closest("details:not([open])"));
  if (closed) closed.addEventListener("toggle", () => enliven(still, name), { once: true });
  else enliven(still, name);
}
