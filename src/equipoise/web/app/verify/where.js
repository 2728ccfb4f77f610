/** Where in a receipt it fails: the line and column of what is spelled otherwise, or the entry whose proof does not hold. */
import { base64Bytes } from "./encoding.js";
import { isObject, readEntry, readJson } from "./json.js";
import { HASH_SIZE } from "./merkle.js";

/** @typedef {{line: number, column: number, what: string}} Where */

/** @param {Uint8Array} data @param {import("./fault.js").Fault} fault @returns {Where | null} */
export function whereOf(data, fault) {
  const text = new TextDecoder("utf-8").decode(data);
  const entry = /\bentry (\d+)\b/.exec(fault.sentence)?.[1];
  if (entry !== undefined && (fault.code === "L112" || fault.code === "V106")) return ofEntry(text, entry);
  if (fault.code === "V104") return ofSpelling(text);
  if (fault.code.startsWith("L1")) {
    const at = text.indexOf('"checkpoint":');
    return at < 0 ? null : placed(text, at, "the signed checkpoint");
  }
  return null;
}

/** @param {string} text @param {number} at @param {string} what @returns {Where} */
function placed(text, at, what) {
  const before = text.slice(0, at);
  return { line: before.split("\n").length, column: at - before.lastIndexOf("\n"), what };
}

/** @param {string} text @param {string} number */
function ofEntry(text, number) {
  const at = text.indexOf(`"index": ${number},`);
  if (at < 0) return null;
  const line = text.indexOf('"entry":', at);
  const found = /^"entry": ("(?:[^"\\]|\\.)*")/.exec(text.slice(line, text.indexOf("\n", line)));
  let kind = "an entry";
  try {
    const values = readEntry(/** @type {string} */ (JSON.parse(found?.[1] ?? '""')));
    kind = `a ${String(values.kind)}${typeof values.promise === "string" ? ` of ${values.promise}` : ""}`;
  } catch {
    kind = "an entry that cannot be read any more";
  }
  return placed(text, line, `entry ${number}: ${kind}, or the hashes that prove it`);
}

/** @param {string} text */
function ofSpelling(text) {
  try {
    const values = readJson(text);
    const again = `${JSON.stringify(values, (_, value) => (typeof value === "bigint" ? Number(value) : value), 1)}\n`;
    for (let at = 0; at < Math.max(text.length, again.length); at++) if (text[at] !== again[at]) return placed(text, at, "from here on it is spelled otherwise than a receipt is");
    return ofFields(text, values);
  } catch (error) {
    const at = Number(/ at (\d+)$/.exec(error instanceof Error ? error.message : "")?.[1]);
    const odd = text.indexOf("\ufffd");
    if (odd >= 0) return placed(text, odd, "this is no text any more");
    return Number.isNaN(at) ? null : placed(text, at, "this is no JSON any more");
  }
}

const FIELDS = ["format", "promise", "from_ms", "to_ms", "checkpoint", "included"];
const OF_ENTRIES = ["index", "entry", "hashes"];

/** The first field or hash that no receipt has, of a text that is spelled well. @param {string} text @param {import("./json.js").Json} values */
function ofFields(text, values) {
  if (!isObject(values)) return null;
  const rows = Array.isArray(values.included) ? values.included.filter(isObject) : [];
  const odd = [[values, FIELDS], ...rows.map((row) => [row, OF_ENTRIES])].flatMap(([of, names]) => Object.keys(of).filter((name, n) => name !== /** @type {string[]} */ (names)[n]));
  if (odd.length) return placed(text, text.indexOf(`${JSON.stringify(odd[0])}:`), "a field that a receipt does not have here");
  const hashes = rows.flatMap((row) => (Array.isArray(row.hashes) ? row.hashes : []));
  const wrong = hashes.find((node) => typeof node !== "string" || base64Bytes(node, HASH_SIZE) === null);
  if (wrong !== undefined) return placed(text, text.indexOf(JSON.stringify(wrong)), "this is no hash any more");
  return placed(text, text.indexOf('"format":'), "the fields of the head are not those of a receipt");
}
