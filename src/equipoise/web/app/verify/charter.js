/** A charter in canonical form, read as strictly as it is written: `SCHEMA` says of each thing what it has, `?` where it may be missing. */
import { Fault, Nonsense } from "./fault.js";
import { readFraction } from "./fraction.js";
import { isObject, readJsonInteger } from "./json.js";

/** @type {Record<string, Record<string, string>>} */
export const SCHEMA = {
  Charter: {
    lab: "str", pools: "list Pool", teams: "list Team", revision: "int", parent: "str?", effective_ms: "int?", timezone: "str",
    usage_half_life_ms: "int", reclaim: "one of floors|shares", commitments: "list Commitment", release_gates: "list Gate",
    evidence: "Evidence", min_group: "int", boards: "list Board", amendments: "Amendments?", digest: "str",
  },
  Pool: { name: "str", device: "str", nodes: "int", gpus_per_node: "int", heh: "Fraction" },
  Team: {
    path: "str", name: "str", parent: "str?", floor: "map Share", limit: "map Share", weight_e4: "int", lend: "Fraction",
    recover_ms: "int", grace_ms: "int", min_runtime_ms: "int", reclaims_per_day: "int", max_job: "int?", submit: "list str",
    owner: "str?", protected_by: "list str", is_leaf: "bool",
  },
  Share: { fraction: "Fraction?", gpus: "int?" },
  Commitment: {
    name: "str", team: "str", window: "Window", pools: "list str", at_least: "Fraction?", at_most: "Fraction?", starts: "Starts?",
    all_pools: "bool", of: "one of delivered|capacity|capacity at", capacity_at_ms: "int?", unused: "one of carry|forfeit",
    make_good: "Fraction", pace_max: "Fraction?", settle_ms: "int", warn_below: "Fraction", protected_by: "list str", public: "bool",
  },
  Window: { calendar: "one of day|week|month|quarter|year?", rolling_days: "int?" },
  Starts: { jobs_up_to: "int", within_ms: "int", at_least: "Fraction" },
  Gate: { name: "str", teams: "list str", stages: "list Stage", max_age_ms: "int", drain_ms: "int", protected_by: "list str" },
  Stage: { name: "str", quota: "Fraction", needs: "map str", after_ms: "int" },
  Evidence: { checkpoint_every_ms: "int", witnesses: "int" },
  Board: { name: "str", quorum: "int", members: "map bytes" },
  Amendments: { ordinary: "Requirement", weakening: "Requirement", constitution: "Requirement", emergency: "Emergency?" },
  Requirement: { needs: "list str", notice_ms: "int" },
  Emergency: { by: "str", lasts_ms: "int", keep: "Fraction", per_quarter: "int" },
};

/** @typedef {import("./fraction.js").Fraction} Fraction */
/** @typedef {{calendar?: "day" | "week" | "month" | "quarter" | "year", rolling_days?: bigint}} Window */
/**
 * @typedef {{name: string, team: string, window: Window, pools: string[], at_least?: Fraction, at_most?: Fraction,
 *   starts?: {at_least: Fraction}, of: "delivered" | "capacity" | "capacity at", unused: "carry" | "forfeit", settle_ms: bigint}} Commitment
 */
/**
 * @typedef {{lab: string, pools: {name: string, heh: Fraction}[], teams: {path: string, parent?: string}[], timezone: string,
 *   commitments: Commitment[], evidence: {checkpoint_every_ms: bigint, witnesses: bigint}, digest: string}} Charter
 */

/** The charter that values are; throws V103 for anything that is not written as a charter is. @param {unknown} values @returns {Charter} */
export function readCharter(values) {
  try {
    const charter = /** @type {Charter} */ (built("Charter", values));
    checkTree(charter);
    return charter;
  } catch (error) {
    if (error instanceof Nonsense) throw new Fault("V103", "the charter is not in canonical form", "it was not written as a charter is");
    throw error;
  }
}

/** Every team's parent stands before it. @param {Charter} charter */
function checkTree({ teams }) {
  const known = new Set();
  for (const { path, parent } of teams) {
    known.add(path);
    if (parent !== undefined && !known.has(parent)) throw new Nonsense(`${parent} stands after ${path}`);
  }
}

/** @param {string} kind @param {unknown} value @returns {unknown} */
function built(kind, value) {
  if (kind.startsWith("one of ")) return given(kind.slice(7).split("|").includes(/** @type {string} */ (value)), value);
  if (kind.startsWith("list ")) return given(Array.isArray(value), value).map((/** @type {unknown} */ one) => built(kind.slice(5), one));
  if (kind.startsWith("map ")) return mapped(kind.slice(4), value);
  if (kind === "str") return given(typeof value === "string", value);
  if (kind === "bool") return given(typeof value === "boolean", value);
  if (kind === "int") return present(readJsonInteger(value));
  if (kind === "Fraction") return present(readFraction(given(typeof value === "string", value)));
  if (kind === "bytes") return given(typeof value === "string" && /^(?:[0-9a-f]{2})*$/.test(value), value);
  return thing(kind, value);
}

/** @param {string} kind @param {unknown} value */
function thing(kind, value) {
  const fields = SCHEMA[kind];
  if (!isObject(/** @type {any} */ (value))) throw new Nonsense(`no ${kind}`);
  const values = /** @type {Record<string, unknown>} */ (value);
  /** @type {Record<string, unknown>} */
  const found = {};
  for (const [name, spelled] of Object.entries(fields)) {
    const mayMiss = spelled.endsWith("?");
    if (name in values) found[name] = built(mayMiss ? spelled.slice(0, -1) : spelled, values[name]);
    else if (!mayMiss) throw new Nonsense(`${kind} without ${name}`);
  }
  if (Object.keys(values).some((name) => !Object.hasOwn(fields, name))) throw new Nonsense(`${kind} with more`);
  if (kind === "Share" && Object.keys(found).length !== 1) throw new Nonsense("a share is a fraction or an amount");
  return found;
}

/** Pairs of names and values, no name twice. @param {string} kind @param {unknown} value */
function mapped(kind, value) {
  /** @type {Map<string, unknown>} */
  const found = new Map();
  for (const pair of given(Array.isArray(value), value)) {
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== "string" || found.has(pair[0])) throw new Nonsense("no pair");
    found.set(pair[0], built(kind, pair[1]));
  }
  return found;
}

/** @param {boolean} holds @param {any} value @returns {any} */
function given(holds, value) {
  if (!holds) throw new Nonsense("of another type");
  return value;
}

/** @template T @param {T | null} value @returns {T} */
function present(value) {
  if (value === null) throw new Nonsense("of another spelling");
  return value;
}
