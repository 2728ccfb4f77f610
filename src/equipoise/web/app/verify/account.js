/** The account of a promise's window, exact: its closes folded, and the verdict that follows (the rules are in docs/promises.md). */
import { Fault, pythonText, shown, sure } from "./fault.js";
import { lcm } from "./fraction.js";
import { isObject, jsonInteger, readJsonInteger } from "./json.js";

/** @typedef {import("./json.js").Json} Json */
/** @typedef {{[name: string]: Json}} Values */
/** @typedef {{fromMs: bigint, toMs: bigint}} Span */
/** @typedef {{answer: string, owed: bigint, delivered: bigint, unclaimed: bigint, denied: bigint, surplus: bigint, brokenBy: bigint}} Verdict */
/**
 * @typedef {{promise: import("./charter.js").Commitment, text: string, span: Span, scale: import("./terms.js").Scale, team: string,
 *   grace: bigint, makeGood: bigint, capacity: bigint | null}} Terms
 */
/** @typedef {{terms: Terms, verdict: Verdict, madeGood: Verdict | null, gaps: Span[], lapsed: bigint, refoundedMs: bigint | null}} Judgement */
/**
 * @typedef {{promise: string, text: string, windowFrom: bigint, fromMs: bigint, toMs: bigint, owed: bigint, delivered: bigint,
 *   gross: bigint, unclaimed: bigint, surplus: bigint, denied: bigint, deniedBoth: bigint, parts: bigint}} Close
 */

const FIELDS = ["promise", "text", "window_from_ms", "from_ms", "to_ms", "owed", "delivered", "gross", "unclaimed", "surplus", "denied", "denied_both", "unit_parts"];
const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const DIGEST = /^(?:sha256:[0-9a-f]{64})?$/;

/** Read a close; throws A101 for anything else. @param {Values} values @returns {Close} */
export function readClose(values) {
  const odd = [...FIELDS.filter((name) => !(name in values)), ...Object.keys(values).filter((name) => !FIELDS.includes(name))].sort();
  if (odd.length) throw new Fault("A101", `not a close: ${shown(odd.slice(0, 5).join(", "))} missing or unknown`, "as `to_json` writes it");
  const [promise, text] = [textOf(values, "promise", NAME), textOf(values, "text", DIGEST)];
  const [windowFrom, fromMs, toMs, owed, delivered, gross, unclaimed, surplus, denied, deniedBoth, parts] = FIELDS.slice(2).map((name) => integer(values, name));
  if (parts < 1n) throw new Fault("A101", `unit_parts is ${parts}`, "1 or more");
  return { promise, text, windowFrom, fromMs, toMs, owed, delivered, gross, unclaimed, surplus, denied, deniedBoth, parts };
}

/** @param {Values} values @param {string} name @param {RegExp} pattern */
function textOf(values, name, pattern) {
  const value = values[name];
  if (typeof value === "string" && pattern.test(value)) return value;
  throw new Fault("A101", `${name} is ${shown(pythonText(value))}`, "a name, or a digest sha256:…");
}

/** @param {Values} values @param {string} name */
function integer(values, name) {
  const value = readJsonInteger(values[name]);
  if (value === null) throw new Fault("A101", `${name} is ${shown(pythonText(values[name]))}`, "a whole number; from 2^53 as a string of its digits, below not");
  return value;
}

/** @typedef {{owed: bigint, delivered: bigint, gross: bigint, unclaimed: bigint, surplus: bigint, denied: bigint, deniedBoth: bigint, makeGood: bigint, forfeit: boolean}} Stocks */

/** @param {Stocks} stocks */
function balance(stocks) {
  return stocks.owed - (stocks.forfeit ? stocks.unclaimed : 0n) - stocks.delivered;
}

/** Fold the closes of a window, in any order; throws A102 or A103 where they cannot be. @param {readonly Close[]} closes @param {Terms} terms */
function fold(closes, terms) {
  const parts = closes.reduce((found, close) => lcm(found, close.parts), 1n);
  /** @type {Stocks} */
  let stocks = {
    owed: 0n, delivered: 0n, gross: 0n, unclaimed: 0n, surplus: 0n, denied: 0n, deniedBoth: 0n,
    makeGood: terms.makeGood * parts, forfeit: terms.promise.unused === "forfeit",
  };
  let at = terms.span.fromMs;
  /** @type {Span[]} */
  const gaps = [];
  const ordered = closes.toSorted((one, other) => Number(one.fromMs - other.fromMs));
  for (const close of ordered) {
    checkPlace(close, at, terms);
    if (close.fromMs > at) gaps.push({ fromMs: at, toMs: close.fromMs });
    stocks = withClose(stocks, close, terms.span, parts / close.parts);
    at = close.toMs;
  }
  if (at < terms.span.toMs) gaps.push({ fromMs: at, toMs: terms.span.toMs });
  else {
    const last = ordered[ordered.length - 1];
    if (last.windowFrom !== terms.span.fromMs) {
      throw new Fault("A102", `the last close tells what was denied since ${last.windowFrom}`, `the window began at ${terms.span.fromMs}`);
    }
  }
  return { stocks, gaps, parts };
}

/** @param {Close} close @param {bigint} at @param {Terms} terms */
function checkPlace(close, at, { promise, text, span }) {
  if (close.promise !== promise.name || close.text !== text) {
    const said = `a close of ${shown(close.promise)} under ${shown(close.text)} is none of '${promise.name}' under '${text}'`;
    throw new Fault("A102", said, "a window is judged by the text in force when it began");
  }
  if (!(at <= close.fromMs && close.fromMs < close.toMs && close.toMs <= span.toMs)) {
    const said = `the close from ${close.fromMs} to ${close.toMs} overlaps another or reaches beyond the window`;
    throw new Fault("A102", said, `the window is from ${span.fromMs} to ${span.toMs}`);
  }
}

/** @param {Stocks} before @param {Close} close @param {Span} span @param {bigint} parts @returns {Stocks} */
function withClose(before, close, span, parts) {
  const own = close.windowFrom === span.fromMs; // else what is denied is that of another rolling span
  const after = {
    ...before,
    owed: before.owed + close.owed * parts,
    delivered: before.delivered + close.delivered * parts,
    gross: before.gross + close.gross * parts,
    unclaimed: before.unclaimed + close.unclaimed * parts,
    surplus: before.surplus + close.surplus * parts,
    denied: own ? close.denied * parts : before.denied,
    deniedBoth: own ? close.deniedBoth * parts : before.deniedBoth,
  };
  const balanced = after.owed === after.delivered + after.gross + after.unclaimed - after.surplus;
  const most = max(0n, balance(after) + after.makeGood);
  const bounded =
    close.denied >= 0n && close.denied <= close.deniedBoth &&
    (!own || (after.denied <= max(0n, balance(after)) && after.deniedBoth <= (after.makeGood ? most : after.denied)));
  if (!balanced || !bounded || close.unclaimed < 0n || close.surplus < 0n) {
    throw new Fault("A103", `the close from ${close.fromMs} to ${close.toMs} has numbers that cannot be`, "O = S + V + U − X, and denied is at most what is still owed");
  }
  return after;
}

/**
 * Judge a window of hours by its closes, at its end.
 * @param {Terms} opened @param {readonly Close[]} closes @param {{gaps: Span[], refoundedMs: bigint | null}} evidence @returns {Judgement}
 */
export function judge(opened, closes, evidence) {
  sure(opened.promise.at_least !== undefined || opened.promise.at_most !== undefined, "starts are judged by counts");
  const { stocks, gaps, parts } = fold(closes, opened);
  const terms = inParts(opened, parts);
  const missing = together([...gaps, ...evidence.gaps]);
  let [verdict, madeGood] = verdicts(terms, stocks);
  if (missing.length || evidence.refoundedMs !== null) {
    const settled = terms.promise.settle_ms <= 0n; // it is asked at the window's end
    const answer = settled || evidence.refoundedMs !== null ? "broken" : "undecided";
    verdict = unvouched(verdict, answer);
    madeGood = madeGood && unvouched(madeGood, answer);
  }
  return { terms, verdict, madeGood, gaps: missing, lapsed: stocks.forfeit ? stocks.unclaimed : 0n, refoundedMs: evidence.refoundedMs };
}

/** Spans in order, none twice. @param {Span[]} spans */
function together(spans) {
  const found = new Map(spans.map((span) => [`${span.fromMs} ${span.toMs}`, span]));
  return [...found.values()].sort((one, other) => Number(one.fromMs - other.fromMs || one.toMs - other.toMs));
}

/** The same terms in a unit that is a part of theirs. @param {Terms} terms @param {bigint} parts @returns {Terms} */
function inParts(terms, parts) {
  const { scale } = terms;
  const weights = new Map([...scale.weights].map(([pool, weight]) => [pool, weight * parts]));
  return {
    ...terms,
    scale: { ...scale, weights, heh: { n: scale.heh.n, d: scale.heh.d * parts } },
    grace: terms.grace * parts,
    makeGood: terms.makeGood * parts,
    capacity: terms.capacity === null ? null : terms.capacity * parts,
  };
}

/** @param {Terms} terms @param {Stocks} stocks @returns {[Verdict, Verdict | null]} */
function verdicts(terms, stocks) {
  if (terms.promise.at_least === undefined) return [limit(stocks), null];
  const behind = balance(stocks);
  const toOld = min(stocks.makeGood, max(0n, -behind));
  const own = hours(behind + stocks.delivered, stocks.delivered - toOld, stocks.denied, terms.grace);
  if (!stocks.makeGood) return [own, null];
  // The surplus that pays old hours is not the window's own, and what is denied of both is its own first.
  const denied = min(stocks.makeGood - toOld, stocks.deniedBoth - stocks.denied);
  return [own, hours(stocks.makeGood, toOld, denied, max(0n, terms.grace - stocks.denied))];
}

/** @param {bigint} owed @param {bigint} delivered @param {bigint} denied @param {bigint} grace */
function hours(owed, delivered, denied, grace) {
  const shortfall = max(0n, owed - delivered);
  const answer = !shortfall ? "kept" : !denied ? "kept, unused" : denied <= grace ? "kept within grace" : "broken";
  return balanced({ answer, owed, delivered, unclaimed: shortfall - denied, denied, surplus: max(0n, delivered - owed), brokenBy: answer === "broken" ? denied : 0n });
}

/** @param {Stocks} stocks */
function limit({ owed, delivered }) {
  const over = max(0n, delivered - owed);
  return balanced({ answer: over ? "broken" : "kept", owed, delivered, unclaimed: max(0n, owed - delivered), denied: 0n, surplus: over, brokenBy: over });
}

/** The numbers that are known, under the answer that a record with gaps has. @param {Verdict} verdict @param {string} answer */
function unvouched(verdict, answer) {
  return balanced({ ...verdict, answer, brokenBy: answer === "broken" ? verdict.denied || verdict.brokenBy : 0n });
}

/** @param {Verdict} verdict */
function balanced(verdict) {
  sure(verdict.owed + verdict.surplus === verdict.delivered + verdict.unclaimed + verdict.denied, "a verdict whose numbers do not add up");
  return verdict;
}

/** What a ledger says of a judgement. @param {Judgement} judgement @returns {Values} */
export function judgementValues({ verdict, madeGood, gaps, lapsed, refoundedMs }) {
  /** @type {Values} */
  const values = { verdict: verdictValues(verdict), lapsed: jsonInteger(lapsed) };
  if (madeGood) values.made_good = verdictValues(madeGood);
  if (gaps.length) values.gaps = gaps.map((gap) => [Number(gap.fromMs), Number(gap.toMs)]);
  if (refoundedMs !== null) values.refounded_ms = Number(refoundedMs);
  return values;
}

/** @param {Verdict} verdict @returns {Values} */
function verdictValues({ answer, brokenBy, ...numbers }) {
  /** @type {Values} */
  const values = { answer };
  for (const [name, number] of Object.entries({ ...numbers, broken_by: brokenBy })) values[name] = jsonInteger(number);
  return values;
}

/** The answer of a verdict that a ledger tells. @param {Json | undefined} told */
export function answerOf(told) {
  return isObject(told) ? pythonText(told.answer) : "nothing";
}

/** @param {bigint} a @param {bigint} b */
function max(a, b) {
  return a > b ? a : b;
}

/** @param {bigint} a @param {bigint} b */
function min(a, b) {
  return a < b ? a : b;
}
