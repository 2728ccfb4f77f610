/** What a window is judged by: promise, unit, grace and hours to make good, as its opening says under the charter in force then. */
import { Fault, Nonsense, shown, sure, pythonText } from "./fault.js";
import { fraction, gcd, lcm } from "./fraction.js";
import { isObject, readJsonInteger } from "./json.js";

/** @typedef {import("./fraction.js").Fraction} Fraction */
/** @typedef {import("./charter.js").Charter} Charter */
/** @typedef {import("./charter.js").Commitment} Commitment */
/** @typedef {import("./account.js").Values} Values */
/**
 * The unit: share p/q, what a device of each pool counts for, and H100-equivalents of one weighted device.
 * @typedef {{p: bigint, q: bigint, weights: Map<string, bigint>, heh: Fraction}} Scale
 */

/** What Python raises of a malformed record; not of a division by nothing. */
class Malformed extends Nonsense {}

/** @param {Charter} charter @param {Values} values @returns {import("./account.js").Terms} Throws A104 for terms that cannot be. */
export function readTerms(charter, values) {
  /** @type {import("./account.js").Terms} */
  let terms;
  try {
    terms = opened(charter, values);
  } catch (error) {
    if (error instanceof Malformed) throw new Fault("A104", "a window opens with terms that cannot be", "the record is malformed");
    throw error;
  }
  sure("text" in values, "a window without its charter");
  if (terms.text !== values.text) {
    const said = `the window of '${terms.promise.name}' opens under ${shown(pythonText(values.text))}, not under ${terms.text}`;
    throw new Fault("A104", said, "a window is judged by the text in force when it began");
  }
  return terms;
}

/** @param {Charter} charter @param {Values} values @returns {import("./account.js").Terms} */
function opened(charter, values) {
  const [from, to] = [values.from_ms, values.to_ms];
  if (typeof from !== "number" || typeof to !== "number" || !(from < to)) throw new Malformed("no time");
  const capacity = "capacity" in values ? readCapacity(values.capacity) : null;
  const promise = charter.commitments.find((one) => one.name === values.promise);
  if (!promise) throw new Malformed("no such promise");
  if ((promise.of === "capacity at") !== (capacity !== null)) throw new Malformed("its capacity is missing, or given");
  const scale = scaleOf(charter, promise);
  if (!charter.teams.some(({ path }) => path === promise.team)) throw new Malformed("no such team");
  const terms = {
    promise, text: charter.digest, span: { fromMs: BigInt(from), toMs: BigInt(to) }, scale, team: promise.team,
    grace: amount(values.grace), makeGood: amount(values.make_good), capacity: capacity && weighed(scale, capacity),
  };
  return terms;
}

/** @param {unknown} value */
function amount(value) {
  const number = readJsonInteger(value);
  if (number === null || number < 0n) throw new Malformed("no amount");
  return number;
}

/** Pools and devices, as pairs. @param {unknown} value @returns {Map<string, unknown>} */
function readCapacity(value) {
  if (isObject(/** @type {any} */ (value))) return new Map(Object.entries(/** @type {object} */ (value)));
  if (typeof value === "string" && value === "") return new Map();
  if (!Array.isArray(value)) throw new Malformed("no capacity");
  /** @type {Map<any, unknown>} */
  const found = new Map();
  for (const pair of value) {
    const [name, count, ...more] = isObject(pair) ? Object.keys(pair) : typeof pair === "string" || Array.isArray(pair) ? [...pair] : [];
    if (count === undefined || more.length || (typeof name === "object" && name !== null)) throw new Malformed("no pair");
    found.set(name, count);
  }
  return found;
}

/** @param {Scale} scale @param {Map<string, unknown>} capacity */
function weighed(scale, capacity) {
  let sum = 0n;
  for (const [pool, count] of capacity) {
    if (typeof count !== "number" && typeof count !== "boolean") throw new Malformed("no count");
    sum += (scale.weights.get(pool) ?? 0n) * BigInt(count);
  }
  return sum;
}

/** @param {Charter} charter @param {Commitment} promise @returns {Scale} */
export function scaleOf(charter, promise) {
  const share = promise.at_least ?? promise.at_most ?? promise.starts?.at_least;
  if (!share) throw new Malformed("no share");
  /** @type {Map<string, Fraction>} */
  const heh = new Map();
  for (const name of promise.pools) {
    const pool = charter.pools.find((one) => one.name === name);
    if (!pool) throw new Malformed("no such pool");
    heh.set(name, pool.heh);
  }
  const below = [...heh.values()].reduce((found, { d }) => lcm(found, d), 1n);
  const whole = new Map([...heh].map(([name, { n, d }]) => [name, (n * below) / d]));
  const common = [...whole.values()].reduce(gcd, 0n);
  if (!common && whole.size) throw new Nonsense("divided by nothing");
  const weights = new Map([...whole].map(([name, weight]) => [name, weight / common]));
  const fits = share.n >= 0n && share.n <= share.d && weights.size > 0 && [...weights.values()].every((weight) => weight > 0n);
  if (!fits) throw new Malformed("a share is between nothing and all, weights are positive");
  return { p: share.n, q: share.d, weights, heh: fraction(common, below) };
}
