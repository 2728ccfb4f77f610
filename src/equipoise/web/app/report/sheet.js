/** Reads a table that stands in a page as HTML: its columns, and rows with what is sorted by beside what is shown. */
import { h } from "preact";

/** @typedef {import("../parts/columns.js").Column} Column */
/** @typedef {import("../parts/columns.js").Columnar} Columnar */

const UNITS = { "": 1, "%": 1, s: 1, min: 60, h: 3600, d: 86_400 };
const QUANTITY = /^([<+−±-]?)([\d,]*\.?\d+(?:e[+-]\d+)?)\s?(%|s|min|h|d)?$/;
const MOMENT = /^(\d{1,2}) ([A-Z][a-z]{2}) (\d{4})(?:, (\d{2}):(\d{2}))?$/;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const ROW = "#row"; // the column that names a row: its place in the page
const NONE = "–";

/** @param {HTMLTableElement} table @returns {{data: Columnar, columns: Column[], keyed: string}} */
export function read(table) {
  const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent ?? "");
  const cells = [...table.querySelectorAll("tbody tr")].map((row) => /** @type {HTMLElement[]} */ ([...row.querySelectorAll("td")]));
  const names = heads.map((head, n) => named(head, n, heads));
  const data = { columns: [ROW, ...names], rows: cells.map((row, n) => [n, ...row.map((cell) => wordsOf(cell))]) };
  const columns = names.map((name, n) => columnOf(name, heads[n], cells.map((row) => row[n])));
  return { data, columns, keyed: ROW };
}

/** A column's name, in files and addresses: its head in one line, told apart from one before it with the same. @param {string} head @param {number} n @param {string[]} heads */
function named(head, n, heads) {
  const name = head.replaceAll("\n", " ").trim();
  return name && heads.indexOf(head) === n ? name : `${name || "column"} ${n + 1}`;
}

/** @param {string} name @param {string} title @param {HTMLElement[]} cells @returns {Column} */
function columnOf(name, title, cells) {
  const texts = cells.map(wordsOf);
  const measure = [quantityOf, momentOf].find((of) => texts.some((text) => of(text) !== null) && texts.every((text) => isNone(text) || of(text) !== null));
  return {
    name,
    title,
    isNumber: measure === quantityOf,
    show: (_, row) => h("span", { class: cells[row(ROW)]?.className || undefined }, shownAs(cells[row(ROW)])),
    order: (row) => (isNone(row(name)) ? null : measure ? measure(row(name)) : row(name)),
    csv: (text) => (isNone(text) ? null : text),
  };
}

/** @param {string | undefined} text */
function isNone(text) {
  return text === undefined || text === "" || text === NONE;
}

/** What a cell says, with common spaces. @param {HTMLElement} cell */
function wordsOf(cell) {
  return (cell.textContent ?? "").replace(/\s+/g, " ").trim();
}

/** A quantity in its smallest unit; null where it is none. @param {string} text */
export function quantityOf(text) {
  const found = QUANTITY.exec(text);
  if (!found) return null;
  const [, sign, digits, unit = ""] = found;
  const size = Number(digits.replaceAll(",", "")) * UNITS[/** @type {keyof typeof UNITS} */ (unit)];
  return sign === "−" || sign === "-" ? -size : sign === "<" ? size / 2 : size;
}

/** A moment of the page's one time zone, as a number that grows with it. @param {string} text */
export function momentOf(text) {
  const found = MOMENT.exec(text);
  if (!found) return null;
  const [, day, month, year, hour = "0", minute = "0"] = found;
  return Date.UTC(Number(year), MONTHS.indexOf(month), Number(day), Number(hour), Number(minute));
}

/** The same content, made anew: elements with their attributes, and text. @param {Node | undefined} node @returns {import("preact").ComponentChildren} */
function shownAs(node) {
  return [...(node?.childNodes ?? [])].map((one) => {
    if (!(one instanceof Element)) return one.textContent;
    return h(one.localName, Object.fromEntries([...one.attributes].map(({ name, value }) => [name, value])), shownAs(one));
  });
}
