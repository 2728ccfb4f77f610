/** The span that is looked at, the box that was drawn, and the cross under the pointer: the same for every picture on the page. */
import { signal } from "@preact/signals";
import { go, param, range } from "../state.js";

/** @typedef {[number, number]} Span */
/** @typedef {{from_ms: number, to_ms: number, team: string}} Box */

const LEAST_MS = 10_000;

/** Where the reader points: a moment, and how high in the picture of devices. @type {import("@preact/signals").Signal<{at_ms: number, fraction: number} | null>} */
export const cross = signal(null);
/** Where a box begins that is being drawn. @type {import("@preact/signals").Signal<{at_ms: number, team: string | null} | null>} */
export const anchor = signal(null);

/** What is looked at of a run. @param {Span} whole @returns {Span} */
export function spanOf(whole) {
  const asked = range.value;
  return asked ? within(asked, whole) : whole;
}

/** A span of the same length that lies in the whole, or the whole. @param {Span} span @param {Span} whole @returns {Span} */
export function within([from, to], [first, last]) {
  const length = Math.min(Math.max(to - from, LEAST_MS), last - first);
  const begin = Math.max(first, Math.min(last - length, from));
  return [begin, begin + length];
}

/** @param {Span} span @param {Span} whole */
export function look(span, whole) {
  const [from, to] = within(span, whole);
  go({ range: from <= whole[0] && to >= whole[1] ? null : `${Math.round(from)}-${Math.round(to)}` });
}

/** Look closer around a moment, or with a factor above 1 from further away. @param {number} factor @param {number} at_ms @param {Span} span @param {Span} whole */
export function zoom(factor, at_ms, [from, to], whole) {
  const length = Math.max(LEAST_MS, (to - from) * factor);
  const part = (at_ms - from) / (to - from);
  look([at_ms - part * length, at_ms + (1 - part) * length], whole);
}

/** @param {number} part Of the span's length, to the right. @param {Span} span @param {Span} whole */
export function pan(part, [from, to], whole) {
  const by = part * (to - from);
  look([from + by, to + by], whole);
}

/** The box that was drawn. @returns {Box | null} */
export function boxOf() {
  const [, from, to, team] = /^(\d{1,15})-(\d{1,15})(?::(.*))?$/.exec(param("box").value ?? "") ?? [];
  return from && Number(from) < Number(to) ? { from_ms: Number(from), to_ms: Number(to), team: team ?? "" } : null;
}

/** @param {Box | null} box */
export function drawBox(box) {
  const found = box && { ...box, from_ms: Math.round(Math.min(box.from_ms, box.to_ms)), to_ms: Math.round(Math.max(box.from_ms, box.to_ms)) };
  go({ box: found && `${found.from_ms}-${Math.max(found.to_ms, found.from_ms + 1)}${found.team ? `:${found.team}` : ""}`, "jobs.after": null });
}

/** The team that two have in common, or the whole lab. @param {string | null} one @param {string | null} other */
export function common(one, other) {
  if (one === null || other === null) return "";
  const a = one.split(".");
  const b = other.split(".");
  let n = 0;
  while (n < a.length && a[n] === b[n]) n++;
  return a.slice(0, n).join(".");
}
