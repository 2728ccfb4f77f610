/**
 * JSON read so strictly that two readers cannot differ: whole numbers only (as BigInt from 2^53 on), no key twice, no half
 * characters; and written in the one spelling that receipts and entries have.
 */
import { Fault, quoted } from "./fault.js";

/** @typedef {null | boolean | number | bigint | string | Json[] | {[name: string]: Json}} Json */

const MAX_NESTED = 900;
const SPACE = /[ \t\n\r]*/y;
const INTEGER = /-?(?:0|[1-9][0-9]*)(?![0-9.eE])/y;
const TEXT = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();

/** @param {Uint8Array} data @returns {string} Throws for what is not UTF-8. */
export function textOf(data) {
  return DECODER.decode(data);
}

/** @param {string} text */
export function bytesOf(text) {
  return ENCODER.encode(text);
}

/** Read a text; throws a SyntaxError for what is not such JSON. @param {string} text @returns {Json} */
export function readJson(text) {
  let at = 0;

  /** @param {RegExp} pattern */
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) throw new SyntaxError(`not expected at ${at}`);
    at = pattern.lastIndex;
    return found[0];
  };
  /** @param {string} sign */
  const expect = (sign) => {
    take(SPACE);
    if (!text.startsWith(sign, at)) throw new SyntaxError(`no ${sign} at ${at}`);
    at += sign.length;
    take(SPACE);
  };
  /** @param {number} depth @returns {Json} */
  const value = (depth) => {
    if (depth > MAX_NESTED) throw new SyntaxError("too deep");
    take(SPACE);
    const sign = text[at];
    if (sign === '"') return /** @type {string} */ (JSON.parse(take(TEXT)));
    if (sign === "[") return list(depth);
    if (sign === "{") return object(depth);
    for (const [word, meant] of /** @type {[string, Json][]} */ ([["null", null], ["true", true], ["false", false]])) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meant;
      }
    }
    const number = BigInt(take(INTEGER));
    return number <= MAX_SAFE && number >= -MAX_SAFE ? Number(number) : number;
  };
  /** @param {number} depth @returns {Json[]} */
  const list = (depth) => {
    /** @type {Json[]} */
    const found = [];
    expect("[");
    while (text[at] !== "]") {
      if (found.length) expect(",");
      found.push(value(depth + 1));
      take(SPACE);
    }
    at++;
    return found;
  };
  /** @param {number} depth @returns {{[name: string]: Json}} */
  const object = (depth) => {
    /** @type {{[name: string]: Json}} */
    const found = Object.create(null);
    let first = true;
    expect("{");
    while (text[at] !== "}") {
      if (!first) expect(",");
      first = false;
      const name = /** @type {string} */ (JSON.parse(take(TEXT)));
      if (name in found) throw new SyntaxError(`${name} twice`);
      expect(":");
      found[name] = value(depth + 1);
      take(SPACE);
    }
    at++;
    return found;
  };

  const found = value(1);
  take(SPACE);
  if (at !== text.length) throw new SyntaxError(`more at ${at}`);
  return found;
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** Write in the canonical form of RFC 8785 that entries have: keys in order, no spaces. @param {Json} value @returns {string} */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  }
  return typeof value === "bigint" ? String(value) : JSON.stringify(value);
}

/** Whether a value is an object. @param {Json | undefined} value @returns {value is {[name: string]: Json}} */
export function isObject(value) {
  return value !== null && value !== undefined && typeof value === "object" && !Array.isArray(value);
}

/** Equal as Python's values are: a truth value is 1 or 0. @param {unknown} one @param {unknown} other @returns {boolean} */
export function same(one, other) {
  if (typeof one === "boolean" && typeof other !== "boolean") return same(Number(one), other);
  if (typeof other === "boolean" && typeof one !== "boolean") return same(one, Number(other));
  if (Array.isArray(one) || Array.isArray(other)) {
    return Array.isArray(one) && Array.isArray(other) && one.length === other.length && one.every((each, at) => same(each, other[at]));
  }
  if (one !== null && other !== null && typeof one === "object" && typeof other === "object") {
    const [left, right] = /** @type {Record<string, unknown>[]} */ ([one, other]);
    const names = Object.keys(left);
    return names.length === Object.keys(right).length && names.every((name) => name in right && same(left[name], right[name]));
  }
  return one === other || (typeof one === "bigint" && typeof other === "number" && one === BigInt(other)) || (typeof one === "number" && typeof other === "bigint" && BigInt(one) === other);
}

/** A whole number as JSON keeps it: text from 2^53 on. @param {bigint} value @returns {number | string} */
export function jsonInteger(value) {
  return value > MAX_SAFE || value < -MAX_SAFE ? String(value) : Number(value);
}

const LARGE = /^-?[1-9][0-9]{15,59}$/;

/** What `jsonInteger` was given; null for anything that it does not make. @param {unknown} value @returns {bigint | null} */
export function readJsonInteger(value) {
  if (typeof value === "number") return BigInt(value);
  if (typeof value === "string" && LARGE.test(value)) {
    const number = BigInt(value);
    return number > MAX_SAFE || number < -MAX_SAFE ? number : null;
  }
  return null;
}

const MAX_DEPTH = 32;
const MAX_ENTRY_BYTES = 65_535;
const KEY = /^[a-z0-9_]+$/;

/**
 * What an entry's bytes say. Throws L127 unless they are the one spelling of it.
 * @param {string} text @param {{isLong?: boolean}} [how] `isLong`: of any length, as it was in pieces. @returns {{[name: string]: Json}}
 */
export function readEntry(text, { isLong = false } = {}) {
  const size = isLong ? 0 : bytesOf(text).length;
  if (size > MAX_ENTRY_BYTES) throw new Fault("L127", `an entry of ${size} bytes, where ${MAX_ENTRY_BYTES} is the most`);
  let value;
  try {
    value = readJson(text);
  } catch {
    throw new Fault("L127", "the entry is not JSON of the kind that entries are");
  }
  if (!isObject(value)) throw new Fault("L127", "the entry is not an object");
  check(value, 1);
  if (canonical(value) !== text) throw new Fault("L127", "the entry is not in its canonical form");
  return value;
}

/** @param {Json} value @param {number} depth */
function check(value, depth) {
  if (depth > MAX_DEPTH) throw new Fault("L127", `an entry is at most ${MAX_DEPTH} deep`);
  if (Array.isArray(value)) value.forEach((one) => check(one, depth + 1));
  else if (isObject(value)) {
    for (const [name, one] of Object.entries(value)) {
      if (!KEY.test(name)) throw new Fault("L127", `a key of an entry is of a-z, 0-9 and _, not ${quoted(name.slice(0, 78))}`);
      check(one, depth + 1);
    }
  } else if (typeof value === "bigint") throw new Fault("L127", "a number of 2⁵³ or more, which readers round", "write it as text");
  else if (typeof value === "string" && !value.isWellFormed()) throw new Fault("L127", `half a character in ${quoted(value.slice(0, 80))}`);
}
