/** What a checked receipt says, in the sentences of `equipoise verify`; and what it does not say. */
import { instantText, windowText } from "./calendar.js";
import { fraction, oneDecimal, percentText, times, toNumber } from "./fraction.js";

/** @typedef {import("./receipt.js").Checked} Checked */

const HOUR_MS = 3_600_000n;
const LEVELS = { 1: "L1 (published)", 2: "L2 (recomputed)" };
const WITHOUT_WITNESS = "split view not excluded: no witness was asked for, so others may have been shown another ledger";
const NOT_SHOWN = [
  "that closes, grace and hours to make good follow from every job's events: `equipoise audit` of the whole ledger shows that (L3)",
  "that nothing more was corrected: a receipt shows the corrections that it was made with",
];
const NOT_COMPARED = "that the closes agree with the totals of pools and teams (L2): the receipt has none of both ends of the window";
/** What nobody can find in a receipt, why not, and who would know. */
const RESIDUAL = [
  ["a meter that lies: devices or jobs that were not as recorded", "a ledger is told, it does not see", "the engine's own accounting, the power bill"],
  ["what was never recorded: a submission, an end, a node", "nothing that is there contradicts it", "users' and engines' logs; a receipt that a user was given"],
  ["a savepoint that was claimed and contradicts nothing", "it changes no total", "the files themselves"],
  ["a whole ledger forged from its first entry on, consistently", "every decision in it follows", "whoever holds an earlier checkpoint: a witness, a receipt, an auditor's state"],
  ["a charter dated back together with all that followed from it", "every decision in it follows", "whoever holds an earlier checkpoint; the boards' signatures, which are dated"],
  [
    "the clock: events held back and told later, heartbeats written for a time that is past", "time is the lab's, and only must not go back",
    "users' clocks; witnesses, who date what they cosign",
  ],
  ["a correction that is itself wrong, or was never made", "it is the lab's word, and changes nothing that was decided", "whoever it is about"],
];

/** Whether the charter asks for more witnesses than were found. @param {Checked} found */
export function lacksWitnesses({ witnessed, witnessesAsked }) {
  return witnessed.witnesses.size < witnessesAsked;
}

/** H100-equivalent hours of an amount. @param {Checked} found @param {bigint} amount */
export function hoursOf({ judgement }, amount) {
  const { q, heh } = judgement.terms.scale;
  return toNumber(times(fraction(amount, q * HOUR_MS), heh));
}

/** What holds: the answer first, then why. @param {Checked} found @returns {string[]} */
export function told(found) {
  const { judgement, witnessed, receipt } = found;
  const { verdict, terms } = judgement;
  const { promise, span, scale } = terms;
  const during = `${instantText(Number(span.fromMs), { exact: true })} to ${instantText(Number(span.toMs), { exact: true })}`;
  const [owed, delivered, denied, unclaimed] = [verdict.owed, verdict.delivered, verdict.denied, verdict.unclaimed].map((amount) => oneDecimal(hoursOf(found, amount)));
  const closes = receipt.included.filter(({ entry }) => entry.includes('"kind":"close"')).length;
  const kind = promise.at_least ? "at least" : "at most";
  const seen = [...witnessed.witnesses.keys()].join(", ");
  return [
    ...answer(found, during),
    ...beside(found),
    `owed ${owed} H100-equivalent hours, delivered ${delivered}, denied ${denied}, unclaimed ${unclaimed}`,
    `level ${LEVELS[found.level]}; ${closes} closes give this verdict under charter ${terms.text.slice(0, 19)}…`,
    ...(found.crossChecked ? ["hours owed and delivered agree with the totals of pools and team at both ends of the window"] : []),
    `promised to ${promise.team}: ${kind} ${percentText({ n: scale.p, d: scale.q })} of ${promise.of}, window: ${windowText(promise.window)}`,
    `in a ledger of ${String(witnessed.checkpoint.size).replace(/\B(?=(\d{3})+$)/g, ",")} entries, signed by ${witnessed.log.name}${seen ? `, seen by ${seen}` : ""}`,
    ...warnings(found).map((line) => `note: ${line}`),
  ];
}

/** @param {Checked} found @param {string} during */
function answer(found, during) {
  const { verdict, terms } = found.judgement;
  if (!lacksWitnesses(found)) return [`${found.lab}: '${terms.promise.name}' was ${verdict.answer}, ${during}.`];
  return [
    `${found.lab}: '${terms.promise.name}' is undecided for want of witnesses, ${during}.`,
    `the charter asks for ${found.witnessesAsked} witnesses, and ${found.witnessed.witnesses.size} that you named have seen this; by its closes it was ${verdict.answer}`,
  ];
}

/** What decides a verdict beside its hours, and what was said of the record later. @param {Checked} found */
function beside({ judgement, corrections }) {
  const { refoundedMs, gaps, terms } = judgement;
  const lines = gaps.map((gap) => `no evidence of ${instantText(Number(gap.fromMs))} to ${instantText(Number(gap.toMs))}`);
  if (refoundedMs !== null) lines.unshift(`the charter was re-founded on ${instantText(Number(refoundedMs))}, which breaks every promise that ran`);
  else if (gaps.length) lines.push(`it is broken from ${instantText(Number(terms.span.toMs + terms.promise.settle_ms))} on`);
  return [...lines, ...corrections.map((one) => `corrected later: entry ${one.entry}: ${one.wrong} is wrong, right is ${one.right} (${one.by}: ${one.reason})`)];
}

/** What a reader should know before believing the answer. @param {Checked} found */
export function warnings({ source, policy }) {
  const lines = source === "live" ? [] : [`the ledger is of a ${source} run, not of a machine`];
  return policy === "charter" ? lines : [...lines, `the ledger says that '${policy}' was executed, not the charter`];
}

/** What the receipt leaves open. @param {Checked} found */
export function notShown({ crossChecked, witnessed }) {
  return [
    ...NOT_SHOWN,
    ...(crossChecked ? [] : [NOT_COMPARED]),
    ...(witnessed.quorum === null ? [WITHOUT_WITNESS] : []),
    ...RESIDUAL.map(([what, why, source]) => `${what}: ${why} (second source: ${source})`),
  ];
}
