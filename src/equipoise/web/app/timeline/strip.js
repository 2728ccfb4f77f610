/** A job's life as a strip: what waited is empty, what ran is full, and a stop is a mark; a click asks about that moment. */
import { html } from "htm/preact";
import { instant, duration } from "../units.js";
import { ticks } from "./axis.js";

const WIDTH = 1000;

/** @param {{spans: import("../screens/job.js").Span[], to_ms: number, at_ms: number | null, choose: (moment: number) => void}} props */
export function Strip({ spans, to_ms, at_ms, choose }) {
  if (!spans.length) return null;
  const from = spans[0].from_ms;
  const end = spans.reduce((latest, one) => Math.max(latest, one.to_ms ?? to_ms), from + 1000);
  const x = (/** @type {number} */ at) => ((at - from) / (end - from)) * WIDTH;
  /** @param {MouseEvent} event */
  function clicked(event) {
    const { left, width } = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
    choose(from + ((event.clientX - left) / width) * (end - from));
  }
  const told = spans.map((one) => `${one.what === "runs" ? "ran" : one.what === "waits" ? "waited" : "depended on another"} ${duration((one.to_ms ?? to_ms) - one.from_ms)}`).join(", then ");
  return html`<figure class="life" data-asked=${at_ms}><svg viewBox=${`0 0 ${WIDTH} 30`} preserveAspectRatio="none" role="img" aria-label=${`Its life: ${told}.`} onClick=${clicked}>
      ${spans.map((one, n) => html`<rect key=${n} class=${one.what} x=${x(one.from_ms)} width=${Math.max(1, x(one.to_ms ?? to_ms) - x(one.from_ms))} y=${one.what === "runs" ? 2 : 10} height=${one.what === "runs" ? 26 : 10} />
        ${one.ended_by && ["reclaimed", "preempted", "failed"].includes(one.ended_by) && html`<rect class="stop" x=${x(/** @type {number} */ (one.to_ms)) - 1.5} width="3" y="0" height="30" />`}`)}
      ${at_ms !== null && html`<rect class="asked" x=${x(at_ms) - 1} width="2" y="0" height="30" />`}
    </svg>
    <figcaption>${ticks(from, end, 6).map((one) => html`<span key=${one.at_ms} style=${{ left: `${Math.min(96, x(one.at_ms) / 10)}%` }}>${one.text}</span>`)}<span class="hidden">${instant(from)} to ${instant(end)}</span></figcaption>
    <p class="legend"><span><i class="patch runs"></i>ran</span><span><i class="patch waits"></i>waited</span><span><i class="patch stop"></i>was stopped</span><span><i class="patch asked"></i>asked about; click to ask about another moment</span></p>
  </figure>`;
}
