/**
 * A table of any length: sorted by its heads, found in by a word, walked by keys, taken away as CSV. Rows stay where they are when new
 * data comes; new ones are put at the end until the reader sorts again. Order and word are in the address.
 */
import { useMemo, useRef, useState } from "preact/hooks";
import { html } from "htm/preact";
import { go, param } from "../state.js";
import { comparing, csvOf, download, reader, shown } from "./columns.js";
import { useRowKeys } from "./rowkeys.js";
import { useWindow } from "./window.js";

/** @typedef {import("./columns.js").Column} Column */
/** @typedef {import("./columns.js").Row} Row */
/**
 * @typedef {object} TableProps
 * @property {string} name Of the table in the address and of its file: short, one word.
 * @property {string} label What it is, for those who hear it.
 * @property {import("./columns.js").Columnar} data
 * @property {Column[]} columns
 * @property {string} [keyed] The column that names a row; default: the first.
 * @property {string} [sorted] How it is sorted at first: `wait_ms`, or from the largest `-wait_ms`; default: as the server has it.
 * @property {(row: Row) => void} [onOpen] By Enter or a click; without it, Enter follows the row's first link.
 * @property {(key: any) => boolean} [isChosen]
 * @property {boolean} [isPlain] Without the line of tools.
 * @property {import("preact").ComponentChildren} [tools] Further tools.
 * @property {string} [none] Said where there are no rows.
 */

/** @param {TableProps} props */
export function Table({ name, label, data, columns, keyed = columns[0].name, sorted = "", onOpen, isChosen, isPlain, tools, none = "There is nothing here." }) {
  const sort = param(`${name}.sort`).value ?? sorted;
  const word = param(`${name}.find`).value ?? "";
  const order = useRef({ sort: "", ranks: new Map() });
  const [again, sortAgain] = useState(0);
  const { rows, isOutdated } = useMemo(() => arranged(data, columns, keyed, sort, word, order.current), [data, columns, keyed, sort, word, again]);
  const window_ = useWindow(rows.length);
  const keys = useRowKeys({
    count: rows.length,
    keyAt: (place) => rows[place](keyed),
    view: window_,
    open: onOpen && ((place) => onOpen(rows[place])),
  });
  function anew() {
    order.current.ranks.clear();
    sortAgain(again + 1);
  }
  /** @param {Column} column */
  function turn(column) {
    const first = column.isNumber ? `-${column.name}` : column.name;
    const second = column.isNumber ? column.name : `-${column.name}`;
    order.current.ranks.clear();
    go({ [`${name}.sort`]: sort === first ? second : first });
  }
  return html`<div class="tabled">
    ${!isPlain && html`<div class="tools">
      <label><span class="hidden">Find in ${label}</span><input type="search" name=${`${name}-find`} placeholder="Find" value=${word} onInput=${(/** @type {Event} */ event) => go({ [`${name}.find`]: /** @type {HTMLInputElement} */ (event.currentTarget).value })} /></label>
      <span class="soft" role="status">${rows.length === data.rows.length ? `${rows.length.toLocaleString("en")} rows` : `${rows.length.toLocaleString("en")} of ${data.rows.length.toLocaleString("en")} rows`}</span>
      ${isOutdated && html`<button type="button" onClick=${anew}>Sort again</button>`}
      ${tools}
      <button type="button" class="push" onClick=${() => download(`${name}.csv`, csvOf(columns, rows))}>CSV</button>
    </div>`}
    <div class="sheet" ref=${window_.room} onKeyDown=${keys.onKeyDown} onFocusIn=${keys.onFocusIn}>
      <table role="grid" aria-label=${label} aria-rowcount=${rows.length + 1}>
        <thead><tr aria-rowindex="1">${columns.map((column) => html`<${Head} key=${column.name} column=${column} sort=${sort} turn=${turn} />`)}</tr></thead>
        <tbody>
          ${window_.above_px > 0 && html`<tr class="space" key="above" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${window_.above_px}px` }}></td></tr>`}
          ${rows.length === 0 && html`<tr key="none"><td class="none" colspan=${columns.length}>${word ? `Nothing has “${word}” in it.` : none}</td></tr>`}
          ${rows.slice(window_.from, window_.to).map((row, n) => {
            const key = row(keyed);
            return html`<tr key=${`=${key}`} aria-rowindex=${window_.from + n + 2} data-row=${window_.from + n} tabindex=${keys.isActive(window_.from + n) ? 0 : -1}
              aria-selected=${isChosen ? isChosen(key) : undefined} class=${onOpen ? "opens" : undefined} onClick=${onOpen && (() => onOpen(row))}>
              ${columns.map((column) => html`<td key=${column.name} class=${column.isNumber ? "number" : undefined}>${shown(column, row)}</td>`)}</tr>`;
          })}
          ${window_.below_px > 0 && html`<tr class="space" key="below" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${window_.below_px}px` }}></td></tr>`}
        </tbody>
      </table>
    </div>
  </div>`;
}

/** @param {{column: Column, sort: string, turn: (column: Column) => void}} props */
function Head({ column, sort, turn }) {
  const way = sort === column.name ? "ascending" : sort === `-${column.name}` ? "descending" : undefined;
  const mark = way && html`<span aria-hidden="true"> ${way === "ascending" ? "↑" : "↓"}</span>`;
  return html`<th scope="col" class=${column.isNumber ? "number" : undefined} aria-sort=${way}>
    ${column.isFixed ? column.title : html`<button type="button" onClick=${() => turn(column)}>${column.title}${mark}</button>`}
  </th>`;
}

/**
 * The rows that are shown, in their order. Rows that were there keep their places while the order asked for is the same.
 * @param {import("./columns.js").Columnar} data @param {Column[]} columns @param {string} keyed @param {string} sort @param {string} word
 * @param {{sort: string, ranks: Map<any, number>}} kept Changed: the places of now.
 * @returns {{rows: Row[], isOutdated: boolean}}
 */
function arranged(data, columns, keyed, sort, word, kept) {
  const read = reader(data.columns);
  let rows = data.rows.map(read);
  const by = columns.find((column) => column.name === sort.replace(/^-/, ""));
  const compare = by ? comparing(by, sort.startsWith("-") ? -1 : 1) : null;
  const { ranks } = kept;
  if (kept.sort === sort && ranks.size) {
    const place = (/** @type {Row} */ row) => ranks.get(row(keyed)) ?? Infinity;
    if (compare) rows.sort(compare); // those that are new come among each other
    rows.sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
  } else if (compare) rows.sort(compare);
  kept.sort = sort;
  kept.ranks = new Map(rows.map((row, n) => [row(keyed), n]));
  const isOutdated = compare !== null && rows.some((row, n) => n > 0 && compare(rows[n - 1], row) > 0);
  if (word) rows = rows.filter((row) => has(row, columns, word.toLowerCase()));
  return { rows, isOutdated };
}

/** @param {Row} row @param {Column[]} columns @param {string} word */
function has(row, columns, word) {
  return columns.some((column) => {
    const value = row(column.name);
    return (typeof value === "string" || typeof value === "number") && String(value).toLowerCase().includes(word);
  });
}
