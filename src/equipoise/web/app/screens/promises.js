/** Promises: which are kept, which are at risk and which are past saving; and receipts checked in the browser. */
import { html } from "htm/preact";
import { Filmbar, RunChoice } from "../parts/filmbar.js";
import { Sentence } from "../parts/sentence.js";
import { Answered, Empty } from "../parts/states.js";
import { Legend, SmallPace } from "../promises/pace.js";
import { Strip, tallyText } from "../promises/strip.js";
import { VerifyReceipt } from "../promises/verifyreceipt.js";
import { ofRun, useRun } from "../runs.js";
import { useServer } from "../server.js";
import { at, go, href, param, rest } from "../state.js";
import { count, day, instant } from "../units.js";
import { OnePromise } from "../promises/onepromise.js";

/** @typedef {import("../promises/shapes.js").Brief} Brief */
/** @typedef {{at_ms: number, as_of_ms: number, sentence: string, items: Brief[], next: number | null}} Overview */

const BAD = ["past saving", "at risk"];

export default function Promises() {
  const chosen = useRun();
  return html`${rest.value ? html`<${OnePromise} key=${rest.value} chosen=${chosen} name=${rest.value} />` : html`<${Overview} chosen=${chosen} />`}
    <${Filmbar} chosen=${chosen} />`;
}

/** @param {{chosen: import("../runs.js").Chosen}} props */
function Overview({ chosen }) {
  const first = Number(param("after").value ?? 0) || 0;
  const shown = useServer(ofRun(chosen, "/promises"), { query: { at_ms: at.value, after: first || null }, isLive: chosen.isNow });
  return html`<${Answered} of=${chosen.name ? shown : chosen.of} what="the promises">${(/** @type {Overview} */ data) => chosen.name && html`
    <${Sentence} detail=${`As of the close of accounts on ${instant(data.as_of_ms)}.`}>${data.sentence}<//>
    <div class="tools"><${RunChoice} chosen=${chosen} /><${Legend} hasForecast hasLost /></div>
    ${data.items.length === 0 && html`<${Empty} title="Nothing is promised over time." hint="A charter promises by its commitments; the page Charter shows the one in force." isPart />`}
    <div class="cards promises">${data.items.map((one) => html`<${PromiseCard} key=${one.promise} one=${one} />`)}</div>
    ${(first > 0 || data.next !== null) && html`<div class="tools">
      ${first > 0 && html`<button type="button" onClick=${() => go({ after: null })}>From the first</button>`}
      ${data.next !== null && html`<button type="button" onClick=${() => go({ after: data.next })}>More promises</button>`}
    </div>`}`}<//>
    <${VerifyReceipt} key="verify" />`;
}

/** @param {{one: Brief}} props */
function PromiseCard({ one }) {
  const { open } = one;
  const isBad = BAD.includes(one.state);
  const said = one.text[0].slice(one.promise.length + 2);
  return html`<section class="card">
    <header><h2><a href=${href({ screen: "promises", rest: one.promise })}>${one.promise}</a></h2><span class=${isBad ? "bad state-word" : "state-word"}>${one.state}</span></header>
    <p class="soft">${said.slice(0, 1).toUpperCase() + said.slice(1)}</p>
    <p>${one.sentence}${open?.lost_ms ? html` <b class="bad">Since ${day(open.lost_ms)}.</b>` : ""}</p>
    ${open?.course && html`<${SmallPace} window=${open} course=${open.course} forecast=${open.forecast} promise=${one.promise} label=${`Delivered and owed in the window from ${day(open.from_ms)} to ${day(open.to_ms)}.`} />
      <div class="ends"><span>${day(open.from_ms)}</span><span>${day(open.to_ms)}</span></div>`}
    ${open && one.kind === "starts" && html`<${Starts} open=${open} share_ppm=${one.share_ppm} />`}
    ${one.windows.length > 0 && html`<${Strip} windows=${one.windows} label=${`Windows that are over: ${tallyText(one.tally)}.`} />`}
    <p class="soft">${one.windows_judged ? html`Of ${count(one.windows_judged)} ${one.windows_judged === 1 ? "window" : "windows"} that ${one.windows_judged === 1 ? "is" : "are"} over: ${tallyText(one.tally)}.` : "No window is over yet."}${one.open_windows > 1 ? ` ${count(one.open_windows)} are open; shown is the one that ends first.` : ""}</p>
  </section>`;
}

/** Jobs that started in time, as a bar with a tick at the share that is promised. @param {{open: import("../promises/shapes.js").Window, share_ppm: number}} props */
function Starts({ open, share_ppm }) {
  const whole = Math.max(1, open.jobs);
  const part = (/** @type {number} */ jobs) => `${(100 * jobs) / whole}%`;
  return html`<svg class="starts" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=${`${count(open.jobs_in_time)} of ${count(open.jobs)} jobs in time, ${count(open.jobs_late)} late, ${count(open.jobs_open)} still have time.`}>
    <rect class="in" width=${part(open.jobs_in_time)} height="10" /><rect class="late" x=${part(open.jobs_in_time)} width=${part(open.jobs_late)} height="10" />
    <line x1=${share_ppm / 10_000} x2=${share_ppm / 10_000} y1="0" y2="10" vector-effect="non-scaling-stroke" /></svg>`;
}
