/** The lists of a team's page: who waits and why, loans, jobs that gave way, requests for credits. */
import { html } from "htm/preact";
import { useMemo } from "preact/hooks";
import { Table } from "../parts/table.js";
import { href } from "../state.js";
import { count, decimal, duration, instant } from "../units.js";
import { teamLink } from "./answer.js";

/** @typedef {import("../parts/columns.js").Columnar & {in_all: number}} List */
/** @typedef {import("../parts/columns.js").Row} Row */
const HOUR_MS = 3_600_000;

/**
 * Who waits, longest first; reasons are told a little later.
 * @param {{queue: List, reasons: import("../server.js").Shown<List & {explained: boolean}>}} props
 */
export function Queue({ queue, reasons }) {
  const data = useMemo(() => joined(queue, reasons.data), [queue, reasons.data]);
  const waits = reasons.data === null ? (reasons.problem ? reasons.problem.sentence : "Being worked out …") : reasons.data.explained ? "It waits no longer." : "Cannot be told of a run that was not simulated.";
  const columns = [
    { name: "name", title: "Job", show: (/** @type {string} */ name, /** @type {Row} */ row) => html`<a href=${href({ screen: "job", rest: String(row("job")) })}>${name}</a>` },
    { name: "waited_ms", title: "Waits for", isNumber: true, show: duration },
    { name: "gang", title: "Devices", isNumber: true, show: count },
    { name: "reason", title: "Why", isFixed: true, show: (/** @type {string | null} */ reason) => html`<span class="phrase" title=${reason ?? undefined}>${phrase(reason ?? waits)}</span>` },
    { name: "earliest_ms", title: "May start (8 of 10 futures)", show: (/** @type {number | null} */ from, /** @type {Row} */ row) => foreseen(from, row("latest_ms")) },
    { name: "team", title: "Team" },
    { name: "pool", title: "Pool" },
    { name: "stops", title: "Stopped", isNumber: true, show: (/** @type {number} */ times) => (times ? `${times} ×` : "–") },
  ];
  return html`<${Table} name="queue" label="Queue" data=${data} columns=${columns} keyed="job" none="Nothing waits."
    tools=${queue.in_all > queue.rows.length && html`<span class="soft">the longest ${count(queue.rows.length)} of ${count(queue.in_all)}</span>`} />`;
}

/** The first sentence; the rest is on the job's page. @param {string} reason */
function phrase(reason) {
  return /^.*?[^.]\.(?= [A-Z])/.exec(reason)?.[0] ?? reason;
}

/** @param {number | null} from_ms @param {number | null} to_ms */
function foreseen(from_ms, to_ms) {
  if (from_ms === null && to_ms === null) return "–";
  return from_ms === null ? `by ${instant(to_ms)}` : to_ms === null ? `from ${instant(from_ms)}` : `${instant(from_ms)} to ${instant(to_ms)}`;
}

/** @param {List} queue @param {List | null} reasons */
function joined(queue, reasons) {
  const found = new Map((reasons?.rows ?? []).map((row) => [row[0], row.slice(1)]));
  return { columns: [...queue.columns, "kind", "reason", "earliest_ms", "latest_ms"], rows: queue.rows.map((row) => [...row, ...(found.get(row[0]) ?? [null, null, null, null])]) };
}

/** @param {{of: {gpus: number, in_all: number, items: any[]}, name: string, label: string, none: string}} props */
export function Loans({ of, name, label, none }) {
  const data = useMemo(() => ({ columns: ["team", "pool", "gpus", "back_within_ms"], rows: of.items.map((one) => [one.team, one.pool, one.gpus, one.back_within_ms]) }), [of]);
  const keyed = useMemo(() => ({ columns: ["key", ...data.columns], rows: data.rows.map((row) => [`${row[0]} ${row[1]}`, ...row]) }), [data]);
  const columns = [
    { name: "team", title: "Team", show: teamLink },
    { name: "pool", title: "Pool" },
    { name: "gpus", title: "Devices", isNumber: true, show: count },
    { name: "back_within_ms", title: "Back within", isNumber: true, show: duration },
  ];
  return html`<${Table} name=${name} label=${label} data=${keyed} columns=${columns} keyed="key" none=${none} isPlain />`;
}

/** @param {{of: List & {lost_gpu_ms: number}, name: string, label: string, isCaused: boolean}} props */
export function Stops({ of, name, label, isCaused }) {
  if (!of.in_all) return html`<p class="soft">None in this time.</p>`;
  return html`<${StopTable} of=${of} name=${name} label=${label} isCaused=${isCaused} />`;
}

/** @param {{of: List & {lost_gpu_ms: number}, name: string, label: string, isCaused: boolean}} props */
function StopTable({ of, name, label, isCaused }) {
  const data = useMemo(() => ({ columns: ["key", ...of.columns], rows: of.rows.map((row) => [`${row[0]} ${row[1]}`, ...row]) }), [of]);
  const who = isCaused ? { name: "team", title: "Of" } : { name: "for_team", title: "For" };
  const columns = [
    { name: "at_ms", title: "When", show: instant },
    { name: "name", title: "Job", show: (/** @type {string} */ text, /** @type {Row} */ row) => html`<a href=${href({ screen: "job", rest: String(row("job")) })}>${text}</a>` },
    { ...who, show: (/** @type {string | null} */ path) => (path ? teamLink(path) : "–") },
    { name: "pool", title: "Pool" },
    { name: "gang", title: "Devices", isNumber: true, show: count },
    { name: "ran_ms", title: "Had run", isNumber: true, show: duration },
    { name: "lost_gpu_ms", title: "GPU hours lost", isNumber: true, show: (/** @type {number} */ value) => (value ? decimal(value / HOUR_MS, 1) : "0") },
  ];
  return html`<${Table} name=${name} label=${label} data=${data} columns=${columns} keyed="key" none="None in this time."
    tools=${of.in_all > of.rows.length && html`<span class="soft">the latest ${count(of.rows.length)} of ${count(of.in_all)}</span>`} />`;
}

const OUTCOMES = /** @type {Record<string, string>} */ ({ open: "open", granted: "granted", cut: "cut", refused: "refused" });

/** @param {{of: List}} props */
export function Requests({ of }) {
  const columns = [
    { name: "request", title: "Request" },
    { name: "asked_ms", title: "Asked", show: instant },
    { name: "avenue", title: "Line of research" },
    { name: "purpose", title: "For" },
    { name: "pool", title: "Pool" },
    { name: "asked_gpu_ms", title: "GPU hours", isNumber: true, show: hours },
    { name: "granted_gpu_ms", title: "Granted", isNumber: true, show: hours },
    { name: "outcome", title: "Answer", show: (/** @type {string} */ word, /** @type {Row} */ row) => html`<span class=${word === "refused" || word === "cut" ? "bad" : ""}>${OUTCOMES[word] ?? word}</span>${row("reason") && html` <span class="soft">${row("reason")}</span>`}` },
  ];
  return html`<${Table} name="requests" label="Requests for credits" data=${of} columns=${columns} none="None so far."
    tools=${of.in_all > of.rows.length && html`<span class="soft">the latest ${count(of.rows.length)} of ${count(of.in_all)}</span>`} />`;
}

/** @param {number | null} gpu_ms */
function hours(gpu_ms) {
  return gpu_ms === null ? "–" : decimal(gpu_ms / HOUR_MS, 0);
}
