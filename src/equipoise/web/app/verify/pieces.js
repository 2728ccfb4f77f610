/** Entries that are too long for one, joined again: pieces that follow one another. */
import { Fault, sure } from "./fault.js";
import { readEntry } from "./json.js";

const MAX_PIECES = 4_096;

/** @typedef {import("./account.js").Values} Values */

/** @param {bigint | null} number */
function broken(number) {
  return new Fault("L128", `an entry in pieces is broken off at ${number === null ? "the end" : `entry ${number}`}`, "pieces follow one another");
}

/**
 * Entries with their numbers; for pieces, what they are pieces of, with the number of the last. Throws L128 where one is broken off.
 * @param {readonly [bigint, Values][]} entries @returns {[bigint, Values][]}
 */
export function joined(entries) {
  /** @type {[bigint, Values][]} */
  const found = [];
  /** @type {string[]} */
  let texts = [];
  /** @type {[bigint, Values] | null} */
  let first = null;
  for (const [number, values] of entries) {
    if (values.kind !== "piece") {
      if (texts.length) throw broken(number);
      found.push([number, values]);
      continue;
    }
    if (!texts.length || !first) first = [number, values];
    const [begin, { pieces, of }] = first;
    const follows = values.piece === texts.length && values.pieces === pieces && values.of === of && number === begin + BigInt(texts.length);
    if (!follows || typeof values.text !== "string" || texts.length >= MAX_PIECES) throw broken(number);
    texts.push(values.text);
    sure(typeof values.pieces === "number", "pieces without a count");
    if (texts.length < values.pieces) continue;
    const whole = readEntry(texts.join(""), { isLong: true });
    if (whole.kind !== values.of) throw broken(number);
    texts = [];
    found.push([number, whole]);
  }
  if (texts.length) throw broken(null);
  return found;
}
