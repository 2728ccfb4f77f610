/**
 * A tree of teams as a table (WAI-ARIA treegrid): paths with points, parents before their children. Right opens, left closes, and what
 * is closed is in the address. With a word to find, what has it is shown under those above it.
 */
import { useMemo } from "preact/hooks";
import { html } from "htm/preact";
import { go, param } from "../state.js";
import { csvOf, download, reader, shown } from "./columns.js";
import { useRowKeys } from "./rowkeys.js";
import { useWindow } from "./window.js";

/** @typedef {import("./columns.js").Row} Row */
/** @typedef {{path: string, row: Row, depth: number, isParent: boolean, isClosed: boolean, place: number, of: number}} Branch */
/**
 * @typedef {object} TreeProps
 * @property {string} name Of the tree in the address and of its file.
 * @property {string} label
 * @property {import("./columns.js").Columnar} data
 * @property {import("./columns.js").Column[]} columns After the first, which shows the path's last part.
 * @property {string} [path] The column of the path.
 * @property {string} [title] Of the first column.
 * @property {(path: string) => string} [link] Where a path leads.
 * @property {(path: string) => void} [onOpen] By Enter; without it Enter follows the link.
 * @property {import("preact").ComponentChildren} [tools]
 */

/** @param {TreeProps} props */
export function Tree({ name, label, data, columns, path = "path", title = "Team", link, onOpen, tools }) {
  const closedText = param(`${name}.closed`).value ?? "";
  const word = (param(`${name}.find`).value ?? "").toLowerCase();
  const branches = useMemo(() => grown(data, path), [data, path]);
  const closed = useMemo(() => new Set(closedText ? closedText.split(",") : []), [closedText]);
  const seen = useMemo(() => visible(branches, closed, word), [branches, closed, word]);
  const window_ = useWindow(seen.length);
  /** @param {Iterable<string>} paths */
  const close = (paths) => go({ [`${name}.closed`]: [...paths].join(",") });
  /** @param {string} one @param {boolean} isClosed */
  function turn(one, isClosed) {
    const next = new Set(closed);
    if (isClosed) next.add(one);
    else next.delete(one);
    close(next);
  }
  const keys = useRowKeys({
    count: seen.length,
    keyAt: (place) => seen[place].path,
    view: window_,
    open: onOpen && ((place) => onOpen(seen[place].path)),
    also: (key, place) => sideways(seen, key, place, turn),
  });
  const parents = branches.filter((one) => one.isParent);
  return html`<div class="tabled tree">
    <div class="tools">
      <label><span class="hidden">Find in ${label}</span><input type="search" name=${`${name}-find`} placeholder="Find" value=${word} onInput=${(/** @type {Event} */ event) => go({ [`${name}.find`]: /** @type {HTMLInputElement} */ (event.currentTarget).value })} /></label>
      ${parents.length > 1 && html`<button type="button" onClick=${() => close(closed.size ? [] : parents.map((one) => one.path))}>${closed.size ? "Open all" : "Close all"}</button>`}
      ${tools}
      <button type="button" class="push" onClick=${() => download(`${name}.csv`, csvOf([{ name: path, title }, ...columns], branches.map((one) => one.row)))}>CSV</button>
    </div>
    <div class="sheet" ref=${window_.room} onKeyDown=${keys.onKeyDown} onFocusIn=${keys.onFocusIn}>
      <table role="treegrid" aria-label=${label} aria-rowcount=${seen.length + 1}>
        <thead><tr aria-rowindex="1"><th scope="col">${title}</th>${columns.map((column) => html`<th key=${column.name} scope="col" class=${column.isNumber ? "number" : undefined}>${column.title}</th>`)}</tr></thead>
        <tbody>
          ${window_.above_px > 0 && html`<tr class="space" key="above" aria-hidden="true"><td colspan=${columns.length + 1} style=${{ height: `${window_.above_px}px` }}></td></tr>`}
          ${seen.slice(window_.from, window_.to).map((one, n) => html`<${BranchRow} key=${one.path} one=${one} at=${window_.from + n} columns=${columns} link=${link} isActive=${keys.isActive(window_.from + n)} turn=${turn} />`)}
          ${seen.length === 0 && html`<tr key=" none"><td class="none" colspan=${columns.length + 1}>${word ? `Nothing has “${word}” in it.` : "There is nothing here."}</td></tr>`}
          ${window_.below_px > 0 && html`<tr class="space" key="below" aria-hidden="true"><td colspan=${columns.length + 1} style=${{ height: `${window_.below_px}px` }}></td></tr>`}
        </tbody>
      </table>
    </div>
  </div>`;
}

/** @param {{one: Branch, at: number, columns: import("./columns.js").Column[], link?: (path: string) => string, isActive: boolean, turn: (path: string, isClosed: boolean) => void}} props */
function BranchRow({ one, at, columns, link, isActive, turn }) {
  const last = one.path.slice(one.path.lastIndexOf(".") + 1);
  const twig = one.isParent && html`<span class="twig" aria-hidden="true" onClick=${() => turn(one.path, !one.isClosed)}>${one.isClosed ? "▸" : "▾"}</span>`;
  return html`<tr aria-rowindex=${at + 2} data-row=${at} aria-level=${one.depth + 1} aria-posinset=${one.place} aria-setsize=${one.of}
    aria-expanded=${one.isParent ? String(!one.isClosed) : undefined} tabindex=${isActive ? 0 : -1}>
    <td title=${one.path}><span class=${`d${Math.min(5, one.depth)}`}></span>${twig || html`<span class="twig"></span>`}${link ? html`<a href=${link(one.path)} tabindex=${isActive ? 0 : -1}>${last}</a>` : last}</td>
    ${columns.map((column) => html`<td key=${column.name} class=${column.isNumber ? "number" : undefined}>${shown(column, one.row)}</td>`)}
  </tr>`;
}

/** The rows with what they are in the tree. @param {import("./columns.js").Columnar} data @param {string} name @returns {Branch[]} */
function grown(data, name) {
  const rows = data.rows.map(reader(data.columns));
  const paths = new Set(rows.map((row) => String(row(name))));
  /** @type {Map<string, number>} */
  const children = new Map();
  const branches = rows.map((row) => {
    const path = String(row(name));
    const parts = path.split(".");
    const above = parts.map((_, n) => parts.slice(0, n).join(".")).filter((one) => one && paths.has(one));
    const parent = above.at(-1) ?? "";
    children.set(parent, (children.get(parent) ?? 0) + 1);
    return { path, row, depth: above.length, isParent: false, isClosed: false, place: children.get(parent) ?? 1, of: 1, parent };
  });
  return branches.map(({ parent, ...one }) => ({ ...one, isParent: children.has(one.path), of: children.get(parent) ?? 1 }));
}

/** @param {Branch[]} branches @param {Set<string>} closed @param {string} word @returns {Branch[]} */
function visible(branches, closed, word) {
  if (word) {
    const hits = branches.filter((one) => one.path.toLowerCase().includes(word)).map((one) => one.path);
    return branches.filter((one) => hits.some((hit) => hit === one.path || hit.startsWith(`${one.path}.`)));
  }
  /** @type {Branch[]} */
  const seen = [];
  let under = "";
  for (const one of branches) {
    if (under && one.path.startsWith(under)) continue;
    const isClosed = one.isParent && closed.has(one.path);
    under = isClosed ? `${one.path}.` : "";
    seen.push(isClosed ? { ...one, isClosed } : one);
  }
  return seen;
}

/**
 * Right opens, or goes to the first child; left closes, or goes to the parent.
 * @param {Branch[]} seen @param {string} key @param {number} place @param {(path: string, isClosed: boolean) => void} turn @returns {number | null}
 */
function sideways(seen, key, place, turn) {
  const one = seen[place];
  if (key === "ArrowRight") {
    if (one.isParent && !one.isClosed) return place + 1;
    if (one.isParent) turn(one.path, false);
    return place;
  }
  if (key !== "ArrowLeft") return null;
  if (one.isParent && !one.isClosed) {
    turn(one.path, true);
    return place;
  }
  for (let n = place - 1; n >= 0; n--) if (seen[n].depth < one.depth) return n;
  return place;
}
