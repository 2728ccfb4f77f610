/** What tables and trees know of their columns, and rows as CSV. */

/** A big table as the server sends it. @typedef {{columns: string[], rows: any[][], next?: string | null}} Columnar */
/** Reads a cell of one row by its column's name. @typedef {(name: string) => any} Row */
/**
 * @typedef {object} Column
 * @property {string} name Of the server's column.
 * @property {string} title
 * @property {boolean} [isNumber] Stands on the right, and is sorted from the largest.
 * @property {(value: any, row: Row) => import("preact").ComponentChildren} [show] How people read it; default: as it is.
 * @property {(row: Row) => string | number | null} [order] What it is sorted by; default: its value.
 * @property {(value: any, row: Row) => string | number | null} [csv] What CSV has; default: its value.
 * @property {boolean} [isFixed] Cannot be sorted by.
 */

/** Returns what reads rows of a table. @param {string[]} names @returns {(row: any[]) => Row} */
export function reader(names) {
  const places = new Map(names.map((name, place) => [name, place]));
  return (row) => (name) => row[places.get(name) ?? -1];
}

/** @param {Column} column @param {Row} row */
export function shown(column, row) {
  const value = row(column.name);
  if (column.show) return column.show(value, row);
  return value ?? "–";
}

/** Compares two rows by a column: what is missing comes last, whichever way. @param {Column} column @param {1 | -1} way @returns {(a: Row, b: Row) => number} */
export function comparing(column, way) {
  const of = column.order ?? ((/** @type {Row} */ row) => row(column.name));
  return (a, b) => {
    const one = of(a) ?? null;
    const other = of(b) ?? null;
    if (one === null || other === null) return (one === null ? 1 : 0) - (other === null ? 1 : 0);
    if (one === other) return 0;
    if (typeof one === "string" && typeof other === "string") return way * COLLATOR.compare(one, other);
    return one < other ? -way : way;
  };
}
const COLLATOR = new Intl.Collator("en", { numeric: true });

/** Rows as CSV (RFC 4180). @param {Column[]} columns @param {Row[]} rows */
export function csvOf(columns, rows) {
  const lines = rows.map((row) => columns.map((column) => (column.csv ? column.csv(row(column.name), row) : row(column.name))));
  return [columns.map((column) => column.name), ...lines].map((line) => line.map(field).join(",")).join("\r\n") + "\r\n";
}

/** Text that a spreadsheet would take for a formula is marked as text. @param {unknown} value */
function field(value) {
  let text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Gives the reader a file. @param {string} name @param {string} text @param {string} [type] */
export function download(name, text, type = "text/csv;charset=utf-8") {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
