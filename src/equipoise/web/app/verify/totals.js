/** The totals of pools and teams at both ends of a window, held against what its closes add up to. */
import { Fault, Nonsense, sure } from "./fault.js";
import { isObject, readJsonInteger } from "./json.js";

/** @typedef {import("./json.js").Json} Json */
/** @typedef {import("./account.js").Values} Values */
/** @typedef {import("./account.js").Judgement} Judgement */

const [HELD, LOST] = [0, 3]; // of a team's row, behind pool and team
const [CAPACITY, DOWN, MAINTENANCE] = [0, 4, 5]; // of a pool's row, behind its name

/**
 * Whether hours owed and delivered were found to be those of the totals; false where there are none to compare with. Throws V106
 * where they differ. @param {Judgement} judgement @param {readonly Values[]} totals @param {bigint} originMs
 */
export function agree(judgement, totals, originMs) {
  const { span } = judgement.terms;
  const at = new Map(totals.map((values) => [originMs + anInteger(values.at_ms), values]));
  if (at.size !== totals.length || [...at.keys()].some((ms) => ms !== span.fromMs && ms !== span.toMs)) {
    throw new Fault("V106", "the receipt has totals that do not belong to it", "they are of the window's two ends");
  }
  const [end, begin] = [at.get(span.toMs), at.get(span.fromMs)];
  if (!end || (!begin && span.fromMs !== originMs)) return false;
  const found = ofTotals(judgement, begin, end);
  if (!found) return false;
  const { verdict, madeGood, lapsed, terms } = judgement;
  const owed = verdict.owed + (terms.promise.at_least ? lapsed : 0n);
  const delivered = verdict.delivered + (madeGood ? madeGood.delivered : 0n);
  if (found.owed !== owed || found.delivered !== delivered) {
    throw new Fault("V106", "the closes do not agree with the totals of pools and teams", "ask for an audit");
  }
  return true;
}

/** All that was owed and delivered by the totals; null where a row is missing. @param {Judgement} judgement @param {Values | undefined} begin @param {Values} end */
function ofTotals({ terms }, begin, end) {
  const { scale, promise, span } = terms;
  /** @param {string | null} team */
  const grown = (team) => {
    const [last, first] = [sumOf(scale.weights, end, team), begin ? sumOf(scale.weights, begin, team) : 0n];
    return last === null || first === null ? null : last - first;
  };
  let whole;
  if (promise.of === "capacity at") whole = terms.capacity === null ? null : terms.capacity * (span.toMs - span.fromMs);
  else whole = grown(promise.of === "delivered" ? "" : null);
  const own = grown(promise.team);
  return whole === null || own === null ? null : { owed: scale.p * whole, delivered: scale.q * own };
}

/** Weighted GPU-milliseconds of the promise's pools: held less lost by a team, or (null) of devices that were up. @param {Map<string, bigint>} weights @param {Values} values @param {string | null} team */
function sumOf(weights, values, team) {
  /** @type {Map<string, bigint>} */
  const found = new Map();
  for (const row of steps(values[team === null ? "pools" : "teams"])) {
    const [pool, ...rest] = steps(row);
    sure(pool !== undefined && (typeof pool !== "object" || pool === null), "a row without a pool");
    const weight = typeof pool === "string" ? weights.get(pool) : undefined;
    if (typeof pool !== "string" || weight === undefined) continue;
    if (team !== null) {
      sure(rest.length, "a row without a team");
      if (rest[0] !== team) continue;
    }
    const numbers = rest.slice(team === null ? 0 : 1).map(readJsonInteger);
    if (found.has(pool) || numbers.includes(null)) throw new Nonsense("a row of totals");
    /** @param {number} place */
    const number = (place) => {
      const value = numbers[place];
      if (value === undefined || value === null) throw new Nonsense("a row that is too short");
      return value;
    };
    const less = team === null ? number(DOWN) + number(MAINTENANCE) : number(LOST);
    found.set(pool, weight * (number(team === null ? CAPACITY : HELD) - less));
  }
  return found.size === weights.size ? [...found.values()].reduce((sum, value) => sum + value, 0n) : null;
}

/** What Python's `for` goes through. @param {Json | undefined} value @returns {Json[]} */
function steps(value) {
  if (Array.isArray(value)) return value;
  if (typeof value === "string") return [...value];
  if (isObject(value)) return Object.keys(value);
  throw new Nonsense("nothing to go through");
}

/** What Python's `int` makes of a value. @param {Json | undefined} value */
function anInteger(value) {
  if (typeof value === "number" || typeof value === "boolean") return BigInt(value);
  if (typeof value === "string" && /^\s*[+-]?\d+(?:_\d+)*\s*$/.test(value)) return BigInt(value.trim().replaceAll("_", "").replace(/^\+/, ""));
  throw new Nonsense("no number");
}
