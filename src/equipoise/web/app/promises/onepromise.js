/** One promise: how it stands and may go on, every window with its verdict, what counts for it, and what proves it. */
import { useState } from "preact/hooks";
import { html } from "htm/preact";
import { RunChoice } from "../parts/filmbar.js";
import { Sentence } from "../parts/sentence.js";
import { Answered, Trouble } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { download } from "../parts/columns.js";
import { ofRun, useRun } from "../runs.js";
import { token, useServer } from "../server.js";
import { at, go, href, param } from "../state.js";
import { count, day, decimal, duration, instant, iso, percent } from "../units.js";
import { Pace } from "./pace.js";
import { within } from "./shapes.js";
import { ChoosingStrip, Verdict, tallyText } from "./strip.js";
import { VerifyReceipt } from "./verifyreceipt.js";

/** @typedef {import("./shapes.js").Whole} Whole */
/** @typedef {import("./shapes.js").Window} Window */
/** @typedef {import("../parts/columns.js").Column} Column */

const hours = (/** @type {number | null | undefined} */ value) => decimal(value, Math.abs(value ?? 0) < 100 ? 1 : 0);
/** @type {[keyof Window, string, string][]} */
const HOURS = [
  ["owed_heh_h", "Owed", "the promised part of the whole"],
  ["delivered_heh_h", "Delivered", "held and not lost"],
  ["arrears_heh_h", "Missing", "owed and not delivered"],
  ["unclaimed_heh_h", "Not asked for", "owed, and nobody wanted it"],
  ["denied_heh_h", "Denied", "owed, asked for, and not given"],
  ["surplus_heh_h", "Beyond", "delivered above what was owed"],
  ["grace_heh_h", "Grace", "so much may be denied and is forgiven"],
  ["to_make_good_heh_h", "To make good", "of the window before"],
];

/** @param {{chosen: ReturnType<typeof useRun>, name: string}} props */
export function OnePromise({ chosen, name }) {
  const [receipts, setReceipts] = useState(0); // so many were fetched: the first one makes the film's ledger
  const shown = useServer(ofRun(chosen, `/promises/${encodeURIComponent(name)}`), { query: { at_ms: at.value, again: receipts || null }, isLive: chosen.isNow });
  return html`<nav class="up" aria-label="Up"><a href=${href({ screen: "promises" })}>All promises</a></nav>
    <${Answered} of=${chosen.name ? shown : chosen.of} what="the promise">${(/** @type {Whole} */ data) => chosen.name && html`<${Shown} data=${data} chosen=${chosen} onReceipt=${() => setReceipts(receipts + 1)} />`}<//>`;
}

/** @param {{data: Whole, chosen: ReturnType<typeof useRun>, onReceipt: () => void}} props */
function Shown({ data, chosen, onReceipt }) {
  const all = data.open ? [...data.windows, data.open] : data.windows;
  const asked = Number(param("window").value);
  const window = all.find((one) => one.to_ms === asked) ?? data.open ?? all[all.length - 1] ?? null;
  const isBad = data.state === "past saving" || data.state === "at risk";
  const [given, setGiven] = useState(/** @type {{name: string, data: Uint8Array} | null} */ (null));
  const [trouble, setTrouble] = useState("");
  /** @param {number} to_ms @param {boolean} isSaved */
  async function fetched(to_ms, isSaved) {
    setTrouble("");
    const found = await receiptOf(chosen.name, data.promise, to_ms);
    if (data.evidence.size === null && typeof found !== "string") onReceipt();
    if (typeof found === "string") setTrouble(found);
    else if (isSaved) download(`${data.promise}.receipt.json`, new TextDecoder().decode(found), "application/json");
    else {
      setGiven({ name: `${data.promise}.receipt.json`, data: found });
      document.getElementById("verify-title")?.scrollIntoView({ block: "start" });
    }
  }
  return html`
    <${Sentence} detail=${html`As of the close of accounts on ${instant(data.as_of_ms)}. Promised to <a href=${href({ screen: "team", rest: data.team })}>${data.team}</a>.`}>
      ${data.promise}${data.open ? html` is <b class=${isBad ? "bad" : ""}>${data.state}</b>. ` : ": "}${data.sentence}${data.open?.lost_ms ? ` Since ${day(data.open.lost_ms)}.` : ""}<//>
    <div class="tools"><${RunChoice} chosen=${chosen} /></div>
    ${window && html`<h2>${window.verdict === null ? "The open window" : html`A window that was <${Verdict} of=${window.verdict} />`}: ${day(window.from_ms)} to ${day(window.to_ms)}</h2>
      ${data.kind === "starts" ? html`<${Jobs} window=${window} share_ppm=${data.share_ppm} />` : html`<${Hours} data=${data} window=${window} />`}`}
    ${all.length > 0 && html`<h2>All windows</h2><p class="soft">Over: ${tallyText(data.tally)}.${data.open_windows > 1 ? ` ${count(data.open_windows)} are open; shown is the one that ends first.` : ""} ${all.length > 1 ? " Choose one to see its course." : ""}</p>
      ${all.length > 1 && html`<${ChoosingStrip} windows=${all} chosen=${window?.to_ms ?? null} />`}
      <${Windows} data=${data} windows=${all} fetched=${fetched} />`}
    ${trouble && html`<${Trouble} sentence=${trouble} hint="Windows that are over have receipts; open ones have none yet." isPart />`}
    <div class="cards loose"><${Text} data=${data} /><${Counted} data=${data} /><${Proof} data=${data} /></div>
    <${VerifyReceipt} named=${{ key: data.evidence.key, by: data.evidence.source === "replay" ? "this film" : "the lab's own server" }} given=${given} />`;
}

/** @param {{data: Whole, window: Window}} props */
function Hours({ data, window }) {
  const course = within(data.course, window);
  const isOpen = window.verdict === null;
  return html`<${Pace} name="pace" promise=${data.promise} window=${window} course=${course} forecast=${isOpen ? window.forecast : null} label=${`Hours delivered and owed to ${data.promise} from ${day(window.from_ms)} to ${day(window.to_ms)}.`} />
    <dl class="figures">${HOURS.filter(([key]) => key !== "to_make_good_heh_h" || window.to_make_good_heh_h > 0).map(([key, title, why]) => html`<div key=${key}><dt>${title}</dt><dd class=${key === "denied_heh_h" && window.denied_heh_h > window.grace_heh_h ? "bad" : ""}>${hours(/** @type {number} */ (window[key]))}</dd><dd class="soft">${why}</dd></div>`)}
      ${isOpen && (window.pace_max_heh_gpus ?? 0) > 0 && html`<div><dt>Pace</dt><dd>${count(window.pace_heh_gpus)}</dd><dd class="soft">devices that pacing asks for now, of ${count(window.pace_max_heh_gpus)} at most</dd></div>`}
      ${isOpen && window.forecast && html`<div><dt>Forecast</dt><dd class=${window.forecast.met_ppm < data.warn_below_ppm ? "bad" : ""}>${count(window.forecast.met_ppm / 10_000)} of 100</dd><dd class="soft">draws keep it; a warning goes out below ${count(data.warn_below_ppm / 10_000)}</dd></div>`}
    </dl>
    ${isOpen && html`<p class="soft">The band is a forecast and no verdict: days drawn again from the fourteen before, 2,000 times, of which 80 of 100 lie in it. From the point of no return on, not even the most that pacing may ask for would keep the promise.</p>`}`;
}

/** @param {{window: Window, share_ppm: number}} props */
function Jobs({ window, share_ppm }) {
  return html`<dl class="figures">
    ${[["In time", window.jobs_in_time, ""], ["Late", window.jobs_late, ""], ["Still have time", window.jobs_open, ""], ["Counted", window.jobs, `of these ${percent(share_ppm)} have to start in time`]].map(([title, number, why]) => html`<div key=${title}><dt>${title}</dt><dd>${count(/** @type {number} */ (number))}</dd>${why && html`<dd class="soft">${why}</dd>`}</div>`)}
  </dl>`;
}

/** @param {{data: Whole, windows: Window[], fetched: (to_ms: number, isSaved: boolean) => void}} props */
function Windows({ data, windows, fetched }) {
  const names = data.kind === "starts" ? ["jobs", "jobs_in_time", "jobs_late"] : ["owed_heh_h", "delivered_heh_h", "unclaimed_heh_h", "denied_heh_h", "surplus_heh_h"];
  const titles = data.kind === "starts" ? ["Jobs", "In time", "Late"] : ["Owed", "Delivered", "Not asked for", "Denied", "Beyond"];
  /** @type {Column[]} */
  const columns = [
    { name: "to_ms", title: "Until", show: day, csv: iso },
    { name: "from_ms", title: "From", show: day, csv: iso },
    { name: "verdict", title: "Verdict", show: (value) => html`<${Verdict} of=${value} />`, csv: (value) => value ?? "open" },
    ...names.map((name, n) => ({ name, title: titles[n], isNumber: true, show: data.kind === "starts" ? count : hours })),
    { name: "lost_ms", title: "No return", show: day, csv: (value) => (value ? iso(value) : "") },
  ];
  if (data.kind !== "starts") {
    columns.push({
      name: "receipt", title: "Receipt", isFixed: true, csv: () => "",
      show: (_, row) => row("verdict") !== null && html`<span class="whole"><button type="button" class="quiet" onClick=${(/** @type {Event} */ event) => (event.stopPropagation(), fetched(row("to_ms"), true))} aria-label=${`Download the receipt of the window until ${day(row("to_ms"))}`}>Download</button><button type="button" class="quiet" onClick=${(/** @type {Event} */ event) => (event.stopPropagation(), fetched(row("to_ms"), false))} aria-label=${`Check the receipt of the window until ${day(row("to_ms"))} here`}>Check</button></span>`,
    });
  }
  const table = { columns: columns.map((one) => one.name), rows: windows.map((one) => columns.map(({ name }) => /** @type {any} */ (one)[name] ?? null)) };
  return html`<${Table} name="windows" label="Windows" columns=${columns} data=${table} sorted="-to_ms" />`;
}

/** @param {{data: Whole}} props */
function Text({ data }) {
  const [first, ...more] = data.text;
  return html`<section class="card"><h2>What is promised</h2><p>${first}</p>${more.length > 0 && html`<details><summary>More exactly</summary>${more.map((line) => html`<p key=${line} class="soft">${line.trim()}</p>`)}</details>`}
    ${!data.in_force && html`<p class="warned">The charter in force does not promise this any more; windows that were open run to their end.</p>`}
    <p><a href=${href({ screen: "charter" })}>The charter</a></p></section>`;
}

/** @param {{data: Whole}} props */
function Counted({ data: { counts, team, kind } }) {
  return html`<section class="card"><h2>What counts, and what does not</h2><ul>
    ${kind !== "starts" && html`<li>Pools: ${counts.pools.map((one) => `${one.pool} (an hour counts ${decimal(one.heh, 4)})`).join(", ")}${counts.pools_left_out.length ? `; not ${counts.pools_left_out.join(", ")}` : ""}.</li>`}
    <li>Work of ${counts.teams.length > 1 ? counts.teams.join(", ") : team}.</li>
    ${kind !== "starts" && html`<li>Hours that nobody asks for ${counts.unused === "carry" ? "stay owed until the window ends" : "lapse at once"}.</li>
      <li>${counts.make_good_ppm ? `${percent(counts.make_good_ppm)} of broken hours are made good in the next window.` : "Broken hours are not made good in the next window."}</li>`}
    <li>The record is complete ${duration(counts.settle_ms)} after a window. A gap of more than ${duration(counts.checkpoint_every_ms)} between signs of life, or fewer than ${count(counts.witnesses_asked)} witnesses, leaves it undecided.</li>
    ${counts.protected_by.length > 0 && html`<li>${counts.protected_by.join(", ")} must sign what weakens it.</li>`}
  </ul></section>`;
}

/** @param {{data: Whole}} props */
function Proof({ data: { evidence } }) {
  return html`<section class="card"><h2>What proves it</h2><p>${evidence.says}</p>
    <dl class="rows">
      <div><dt>Ledger</dt><dd>${evidence.origin ?? "not begun"}${evidence.size !== null && `, ${count(evidence.size)} entries`}</dd></div>
      ${evidence.root && html`<div><dt>Root</dt><dd><code>${evidence.root}</code></dd></div>`}
      <div><dt>Key</dt><dd><code>${evidence.key}</code></dd></div>
      <div><dt>Seen by</dt><dd>${evidence.witnesses.length ? evidence.witnesses.join(", ") : "no witness: others may have been shown another ledger"}</dd></div>
    </dl>
    ${evidence.checkpoint && html`<details><summary>The signed checkpoint</summary><pre tabindex="0" role="group" aria-label="Checkpoint">${evidence.checkpoint}</pre></details>`}
    ${evidence.size === null && evidence.source === "replay" && html`<p class="soft">The ledger is written when the first receipt is asked for; that takes a moment.</p>`}
    <div class="tools"><button type="button" onClick=${() => go({ window: null })}>Show the open window</button></div></section>`;
}

/** The bytes of a receipt, or why there is none. @param {string} run @param {string} promise @param {number} to_ms @returns {Promise<Uint8Array | string>} */
async function receiptOf(run, promise, to_ms) {
  /** @type {Record<string, string>} */
  const headers = token.peek() ? { Authorization: `Bearer ${token.peek()}` } : {};
  const address = `/api/v1/runs/${encodeURIComponent(run)}/promises/${encodeURIComponent(promise)}/receipt?to_ms=${to_ms}`;
  try {
    const response = await fetch(address, { headers, cache: "no-store", credentials: "omit", redirect: "error" });
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    const said = await response.json().catch(() => null);
    return String(said?.title ?? `The server answered with status ${response.status}.`);
  } catch {
    return "The server does not answer.";
  }
}
