/** Figures of the outlook as people read them: parts in percent, logarithms and money with two or three digits, and their signs. */
import { count } from "../units.js";

const MINUS = "−";

/** @param {number} value */
export function number(value) {
  const size = Math.abs(value);
  const text = size >= 100 ? count(size) : size >= 10 ? size.toFixed(1) : size.toFixed(2);
  return value < 0 && /[1-9]/.test(text) ? MINUS + text : text;
}

/** @param {number} value @param {string} unit Of the server: `part`, `probability`, `people`, `log`, `$ bn a year`, `HHI`. */
export function figure(value, unit) {
  if (unit === "part" || unit === "probability") return `${percent(value)} %`;
  if (unit === "people") return count(Math.round(value));
  if (value === 0) return "0";
  return unit === "$ bn a year" ? `$ ${number(value)} bn` : number(value);
}

/** A difference: parts in points. @param {number} value @param {string} unit */
export function signed(value, unit) {
  const isPart = unit === "part" || unit === "probability";
  const text = isPart ? percent(Math.abs(value)) : number(Math.abs(value));
  const sign = /[1-9]/.test(text) ? (value < 0 ? MINUS : "+") : "";
  return sign + text + (isPart ? " pts" : "");
}

/** @param {number} value */
function percent(value) {
  const of = 100 * value;
  const text = Math.abs(of) >= 10 ? Math.round(Math.abs(of)).toString() : Math.abs(of).toFixed(1);
  if (!/[1-9]/.test(text)) return "0";
  return of < 0 ? MINUS + text : text;
}

/** A round number at or above a value, for the end of a scale. @param {number} value */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return (/** @type {number} */ ([1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((by) => by * power >= value - 1e-12))) * power;
}
