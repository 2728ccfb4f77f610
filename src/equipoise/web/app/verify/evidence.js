/** What vouches for a record: heartbeats of whoever keeps it, and where they were silent for too long. All in Unix milliseconds. */

/** @typedef {import("./account.js").Span} Span */
/** @typedef {{openedMs: bigint, beatsMs: bigint[], refoundedMs: bigint[]}} Evidence */

/** @param {bigint} a @param {bigint} b */
function earlier(a, b) {
  return a < b ? a : b;
}

/** The latest sign of life that is not after a window's beginning, and all within it. @param {Evidence} evidence @param {Span} span */
function known({ openedMs, beatsMs }, span) {
  const before = beatsMs.filter((at) => at <= span.fromMs);
  const inside = beatsMs.filter((at) => at > span.fromMs && at < span.toMs);
  return [before.length ? before[before.length - 1] : earlier(openedMs, span.fromMs), ...inside];
}

/** The times of a window in which the recorder was silent for longer than allowed. @param {Evidence} evidence @param {Span} span @param {bigint} everyMs @returns {Span[]} */
export function gapsIn(evidence, span, everyMs) {
  const times = [...known(evidence, span), span.toMs];
  /** @type {Span[]} */
  const gaps = [];
  for (let at = 1; at < times.length; at++) {
    const [one, other] = [times[at - 1], times[at]];
    if (other - one > everyMs) {
      const fromMs = one > span.fromMs ? one : span.fromMs;
      if (!(fromMs < other)) throw new RangeError("no time");
      gaps.push({ fromMs, toMs: other });
    }
  }
  return gaps;
}

/** The fewest heartbeats that show the same gaps: after each, the latest that is not too late for it. @param {Evidence} evidence @param {Span} span @param {bigint} everyMs */
export function beatsNeeded(evidence, span, everyMs) {
  const [latest, ...rest] = [...new Set(known(evidence, span))];
  let inside = rest;
  let at = earlier(evidence.openedMs, span.fromMs);
  /** @type {bigint[]} */
  const chosen = [];
  const first = inside.length ? inside[0] : span.toMs;
  if (latest > at && first - latest <= everyMs && everyMs < first - at) {
    at = latest;
    chosen.push(at);
  }
  while (inside.length && span.toMs - at > everyMs) {
    const late = inside.findIndex((one) => one > at + everyMs);
    const within = Math.max(late < 0 ? inside.length : late, 1);
    at = inside[within - 1];
    inside = inside.slice(within);
    chosen.push(at);
  }
  return chosen;
}

/** When a re-founding broke a window; null where none did. @param {Evidence} evidence @param {Span} span */
export function refoundedIn({ refoundedMs }, span) {
  const first = refoundedMs.find((at) => at > span.fromMs);
  return first !== undefined && first < span.toMs ? first : null;
}
