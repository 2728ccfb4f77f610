/** Where in a receipt it fails: the line and column of what is spelled otherwise, or the entry whose proof does not hold. */
import { readEntry, readJson } from "./json.js";

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
    return null;
  } catch (error) {
    const at = Number(/ at (\d+)$/.exec(error instanceof Error ? error.message : "")?.[1]);
    const odd = text.indexOf("\ufffd");
    if (odd >= 0) return placed(text, odd, "this is no text any more");
    return Number.isNaN(at) ? null : placed(text, at, "this is no JSON any more");
  }
}
