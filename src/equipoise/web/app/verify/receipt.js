/**
 * A receipt checked offline: signatures, proofs, witnesses, and the verdict by its closes. `verifyReceipt` is the main path; it goes
 * the way of `equipoise verify`, step by step, and refuses with the same code and sentence.
 */
import { answerOf, judge, judgementValues, readClose } from "./account.js";
import { base64Bytes, hex, sha256 } from "./encoding.js";
import { beatsNeeded, gapsIn, refoundedIn } from "./evidence.js";
import { checkWindow, instantText } from "./calendar.js";
import { readCharter } from "./charter.js";
import { Fault, Nonsense, pythonText, shown, sure } from "./fault.js";
import { bytesOf, isObject, readEntry, readJson, same, textOf } from "./json.js";
import { HASH_SIZE, MAX_SIZE, leafHash, verifyInclusion } from "./merkle.js";
import { joined } from "./pieces.js";
import { openCheckpoint } from "./policy.js";
import { readTerms } from "./terms.js";
import { agree } from "./totals.js";

const FORMAT = "equipoise receipt v1";
const MAX_BYTES = 32 << 20;
const MAX_HASHES = 63;
const KINDS = ["opened", "charter", "window", "close", "totals", "verdict", "heartbeat", "correction"];
const IN_FORCE = ["founded", "amended", "emergency", "restored", "re-founded"];
const CORRECTION = ["kind", "at_ms", "entry", "wrong", "right", "by", "reason"];
const LONGEST_MS = 36_500 * 86_400_000;

/** @typedef {import("./json.js").Json} Json */
/** @typedef {import("./account.js").Values} Values */
/** @typedef {{index: bigint, entry: string, hashes: Uint8Array[]}} Included */
/** @typedef {{promise: string, fromMs: bigint, toMs: bigint, checkpoint: string, included: Included[]}} Receipt */
/** @typedef {{number: bigint, entry: number, wrong: string, right: string, by: string, reason: string}} Correction */
/**
 * What holds of a receipt; `level` is 2 where the closes agree with totals, else 1.
 * @typedef {{receipt: Receipt, witnessed: import("./policy.js").Witnessed, lab: string, source: string, policy: string,
 *   judgement: import("./account.js").Judgement, level: 1 | 2, crossChecked: boolean, corrections: Correction[], witnessesAsked: number}} Checked
 */

/** @param {string} sentence */
function wrong(sentence) {
  return new Fault("V106", sentence, "ask for the receipt again, and for an audit");
}

/**
 * Check a receipt against the keys that the reader trusts; throws a Fault for whatever does not hold first.
 * @param {Uint8Array} data @param {import("./policy.js").Policy} policy @returns {Promise<Checked>}
 */
export async function verifyReceipt(data, policy) {
  const receipt = readReceipt(data);
  const witnessed = await openCheckpoint(policy, receipt.checkpoint);
  const entries = await proven(receipt, witnessed);
  try {
    return await judged(receipt, witnessed, entries);
  } catch (error) {
    if (error instanceof Nonsense || error instanceof RangeError || error instanceof TypeError) throw wrong("an entry of the receipt says what none can say");
    throw error;
  }
}

/** A receipt in its parts; throws V104 if it is none, or is spelled otherwise. @param {Uint8Array} data @returns {Receipt} */
export function readReceipt(data) {
  try {
    if (data.length > MAX_BYTES) throw new Nonsense("too large");
    const text = textOf(data);
    const values = readJson(text);
    if (!isObject(values) || values.format !== FORMAT || !Array.isArray(values.included)) throw new Nonsense("another format");
    const receipt = {
      promise: aText(values.promise), fromMs: anIndex(values.from_ms), toMs: anIndex(values.to_ms), checkpoint: aText(values.checkpoint),
      included: values.included.map(readIncluded),
    };
    if (spelled(receipt, values.included) !== text) throw new Nonsense("another spelling");
    return receipt;
  } catch {
    throw new Fault("V104", "this is no receipt, or it was changed", "get it again from whoever made it");
  }
}

/** The one spelling of a receipt. @param {Receipt} receipt @param {Json[]} included */
function spelled({ promise, fromMs, toMs, checkpoint }, included) {
  const rows = included.map((one) => {
    const { entry, hashes } = /** @type {{entry: string, hashes: string[]}} */ (/** @type {unknown} */ (one));
    const nodes = hashes.map((node) => `    ${JSON.stringify(node)}`).join(",\n");
    const index = String(/** @type {Values} */ (one).index);
    return `  {\n   "index": ${index},\n   "entry": ${JSON.stringify(entry)},\n   "hashes": ${nodes ? `[\n${nodes}\n   ]` : "[]"}\n  }`;
  });
  const head = [
    `"format": ${JSON.stringify(FORMAT)}`, `"promise": ${JSON.stringify(promise)}`, `"from_ms": ${fromMs}`, `"to_ms": ${toMs}`,
    `"checkpoint": ${JSON.stringify(checkpoint)}`, `"included": ${rows.length ? `[\n${rows.join(",\n")}\n ]` : "[]"}`,
  ];
  return `{\n ${head.join(",\n ")}\n}\n`;
}

/** @param {Json} one @returns {Included} */
function readIncluded(one) {
  if (!isObject(one) || !Array.isArray(one.hashes) || one.hashes.length > MAX_HASHES) throw new Nonsense("hashes");
  const hashes = one.hashes.map((node) => {
    const found = base64Bytes(aText(node), HASH_SIZE);
    if (!found) throw new Nonsense("a hash");
    return found;
  });
  return { index: anIndex(one.index), entry: aText(one.entry), hashes };
}

/** @param {Json | undefined} value */
function aText(value) {
  if (typeof value !== "string" || !value.isWellFormed()) throw new Nonsense("no text");
  return value;
}

/** @param {Json | undefined} value */
function anIndex(value) {
  const number = typeof value === "number" || typeof value === "bigint" ? BigInt(value) : -1n;
  if (number < 0n || number >= MAX_SIZE) throw new Nonsense("no number");
  return number;
}

/** Check the proof of every entry, in order of their numbers; entries in pieces are joined. @param {Receipt} receipt @param {import("./policy.js").Witnessed} witnessed */
async function proven(receipt, { checkpoint }) {
  /** @type {[bigint, Values][]} */
  const found = [];
  let last = -1n;
  for (const { index, entry, hashes } of receipt.included) {
    if (index <= last) throw wrong(`entry ${index} stands after entry ${last}`);
    await verifyInclusion(hashes, { index, size: checkpoint.size, leaf: await leafHash(bytesOf(entry)), root: checkpoint.root });
    found.push([index, readEntry(entry)]);
    last = index;
  }
  try {
    return joined(found);
  } catch (error) {
    if (error instanceof Nonsense) throw wrong("an entry of the receipt says what none can say");
    throw error;
  }
}

/** Judge the window by its entries, which are under the checkpoint and may say anything. @param {Receipt} receipt @param {import("./policy.js").Witnessed} witnessed @param {[bigint, Values][]} numbered @returns {Promise<Checked>} */
async function judged(receipt, witnessed, numbered) {
  const entries = numbered.map(([, values]) => values);
  const [opened, window, verdict] = ["opened", "window", "verdict"].map((kind) => theOne(entries, kind));
  const originMs = integer("origin_ms" in opened ? opened.origin_ms : 0);
  for (const values of [window, verdict]) {
    const [promise, from, to] = ["promise", "from_ms", "to_ms"].map((name) => has(values, name));
    if (!same(promise, receipt.promise) || !same(from, receipt.fromMs) || !same(to, receipt.toMs)) {
      throw wrong("the receipt is of another window than its entries");
    }
  }
  const { charter, begun, refoundedMs } = await charterOf(entries, window, originMs);
  const terms = readTerms(charter, without(window, ["kind"]));
  const span = { fromMs: Number(terms.span.fromMs), toMs: Number(terms.span.toMs) };
  checkWindow(terms.promise, span, charter.timezone, begun);
  const evidence = { openedMs: originMs, beatsMs: beatsOf(numbered, originMs), refoundedMs };
  const every = charter.evidence.checkpoint_every_ms;
  if (!same(beatsNeeded(evidence, terms.span, every), evidence.beatsMs)) throw wrong("the receipt has heartbeats that show nothing");
  const closes = entries.filter((values) => values.kind === "close").map((values) => readClose(without(values, ["kind"])));
  const judgement = judge(terms, closes, { gaps: gapsIn(evidence, terms.span, every), refoundedMs: refoundedIn(evidence, terms.span) });
  const told = without(verdict, ["kind", "promise", "from_ms", "to_ms"]);
  if (!same(told, judgementValues(judgement))) {
    throw wrong(`the lab says '${answerOf(told.verdict)}', and its closes say '${judgement.verdict.answer}'`);
  }
  if (entries.some((values) => !KINDS.includes(pythonText(values.kind)))) throw wrong("the receipt has entries that do not belong to it");
  instantText(Number(terms.span.toMs + terms.promise.settle_ms)); // what no calendar has cannot be told
  const crossChecked = agree(judgement, entries.filter((values) => values.kind === "totals"), originMs);
  const [source, policy] = [pythonText(has(opened, "source")), pythonText(has(opened, "policy"))];
  return {
    receipt, witnessed, lab: charter.lab, source, policy, judgement, level: crossChecked ? 2 : 1, crossChecked,
    corrections: correctionsOf(numbered), witnessesAsked: opened.source === "simulated" ? 0 : Number(charter.evidence.witnesses),
  };
}

/** @param {Values[]} entries @param {string} kind */
function theOne(entries, kind) {
  const found = entries.filter((values) => values.kind === kind);
  if (found.length !== 1) throw wrong(`the receipt has ${found.length} entries of kind '${kind}', and needs one`);
  return found[0];
}

/** The charter whose text the window names, when windows may begin without the calendar, and re-foundings in it. @param {Values[]} entries @param {Values} window @param {bigint} originMs */
async function charterOf(entries, window, originMs) {
  const [from, to] = [BigInt(/** @type {number} */ (window.from_ms)), BigInt(/** @type {number} */ (window.to_ms))];
  const begun = new Set([Number(originMs)]);
  /** @type {bigint[]} */
  const refoundedMs = [];
  /** @type {import("./charter.js").Charter | null} */
  let found = null;
  for (const values of entries) {
    if (has(values, "kind") !== "charter") continue;
    const atMs = originMs + integer(has(values, "at_ms"));
    if (has(values, "how") === "re-founded" && from < atMs && atMs < to) {
      refoundedMs.push(atMs);
      continue;
    }
    const isIts = same(has(values, "digest"), has(window, "text"));
    if (!isIts && atMs !== from) throw wrong("the receipt has a charter that its window is not judged by");
    if (!IN_FORCE.includes(/** @type {string} */ (values.how)) || atMs > from) throw wrong("a charter of the receipt was not in force when the window began");
    begun.add(Number(atMs));
    if (isIts) {
      const text = has(values, "text");
      sure(typeof text === "string", "a charter without text");
      if (`sha256:${hex(await sha256(bytesOf(text)))}` !== values.digest) throw wrong("the charter's text is not the one that its digest names");
      found = readCharter(has(values, "canonical"));
      if (found.digest !== values.digest) throw wrong("the charter's canonical form is of another text");
    }
  }
  if (!found) throw wrong("the receipt lacks the charter that its window is judged by");
  return { charter: found, begun, refoundedMs: refoundedMs.sort((one, other) => Number(one - other)) };
}

/** When the recorder said that it was alive: before the verdict, and time and passes never go back. @param {[bigint, Values][]} numbered @param {bigint} originMs */
function beatsOf(numbered, originMs) {
  const verdict = placeOf(numbered, "verdict");
  /** @type {bigint[]} */
  const found = [];
  let passes = 0n;
  for (const [number, values] of numbered) {
    if (has(values, "kind") !== "heartbeat") continue;
    const atMs = originMs + integer(has(values, "at_ms"));
    const isOut = number > verdict || atMs <= (found.length ? found[found.length - 1] : originMs);
    if (isOut || integer(has(values, "passes")) < passes) throw wrong("a heartbeat of the receipt is out of its place");
    passes = integer(values.passes);
    found.push(atMs);
  }
  return found;
}

/** The corrections, which must be of entries between the window's and its verdict's. @param {[bigint, Values][]} numbered @returns {Correction[]} */
function correctionsOf(numbered) {
  const [opens, closes] = [placeOf(numbered, "window"), placeOf(numbered, "verdict")];
  return numbered.filter(([, values]) => values.kind === "correction").map(([number, values]) => {
    const fault = faultOfCorrection(number, values);
    if (fault) throw wrong(`entry ${number} ${fault}`);
    const { entry, ...texts } = /** @type {{entry: number, wrong: string, right: string, by: string, reason: string}} */ (/** @type {unknown} */ (values));
    if (!(opens <= BigInt(entry) && BigInt(entry) <= closes)) throw wrong("the receipt has a correction of an entry that its window does not reach");
    return { number, entry, wrong: texts.wrong, right: texts.right, by: texts.by, reason: texts.reason };
  });
}

/** @param {bigint} number @param {Values} values */
function faultOfCorrection(number, values) {
  const names = Object.keys(values);
  const { at_ms: at, entry } = values;
  if (names.length !== CORRECTION.length || names.some((name) => !CORRECTION.includes(name))) return "has other fields than a correction";
  if (typeof at !== "number" || at < 0 || at > LONGEST_MS) return `is of the time ${shown(pythonText(at))}`;
  if (typeof entry !== "number" || entry < 0 || BigInt(entry) >= number) return `corrects entry ${shown(pythonText(entry))}, which is no earlier one`;
  const said = CORRECTION.slice(3).every((name) => typeof values[name] === "string" && String(values[name]).trim());
  return said ? "" : "does not say what was wrong, what is right, who says so, and why";
}

/** @param {[bigint, Values][]} numbered @param {string} kind */
function placeOf(numbered, kind) {
  const found = numbered.find(([, values]) => has(values, "kind") === kind);
  sure(found, `no ${kind}`);
  return found[0];
}

/** @param {Values} values @param {string} name @returns {Json} */
function has(values, name) {
  sure(name in values, `no ${name}`);
  return values[name];
}

/** @param {Json} value */
function integer(value) {
  sure(typeof value === "number", "no number");
  return BigInt(value);
}

/** @param {Values} values @param {string[]} names @returns {Values} */
function without(values, names) {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));
}
