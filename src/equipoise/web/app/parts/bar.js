/** A team's devices as a bar: held within the entitlement, borrowed beyond it, lent where idle; ticks at floor and entitlement. */
import { html } from "htm/preact";
import { count } from "../units.js";

const WIDTH = 1000;

/**
 * @param {{held: number, floor: number, entitled: number, borrowed?: number, lent?: number, most: number}} props
 *   Devices; `borrowed` is a part of `held`; `most` is what the whole width stands for, the same for bars that are compared.
 */
export function Bar({ held, floor, entitled, borrowed = 0, lent = 0, most }) {
  const x = (/** @type {number} */ devices) => Math.round((Math.min(devices, most) / Math.max(1, most)) * WIDTH);
  const own = Math.max(0, held - borrowed);
  const told = [`holds ${count(held)}`, `floor ${count(floor)}`, `entitled to ${count(entitled)}`, borrowed ? `borrows ${count(borrowed)}` : "", lent ? `lends ${count(lent)}` : ""];
  return html`<svg class="bar" viewBox="0 0 ${WIDTH} 16" preserveAspectRatio="none" role="img" aria-label=${told.filter(Boolean).join(", ")}>
    <rect class="room" x="0" y="4" width=${WIDTH} height="8" />
    <rect class="held" x="0" y="4" width=${x(own)} height="8" />
    ${borrowed > 0 && html`<rect class="borrowed" x=${x(own)} y="4" width=${Math.max(3, x(held) - x(own))} height="8" />`}
    ${lent > 0 && html`<rect class="lent" x=${x(held)} y="4.5" width=${x(held + lent) - x(held)} height="7" vector-effect="non-scaling-stroke" />`}
    <rect class="entitled" x="0" y="13.5" width=${x(entitled)} height="2" />
    ${floor > 0 && html`<line class="floor" x1=${x(floor)} x2=${x(floor)} y1="1" y2="13" vector-effect="non-scaling-stroke" />`}
  </svg>`;
}

/** What the colours and ticks of bars mean. */
export function BarKey() {
  return html`<p class="legend">
    <span><i class="swatch" style=${{ background: "var(--held)", height: "8px" }}></i>held</span>
    <span><i class="swatch" style=${{ background: "var(--blocked)", height: "8px" }}></i>borrowed</span>
    <span><i class="swatch" style=${{ border: "1px dashed var(--soft)", height: "8px" }}></i>lent</span>
    <span><i class="swatch" style=${{ background: "var(--ink)", width: "2px", height: "13px" }}></i>floor</span>
    <span><i class="swatch" style=${{ background: "var(--accent)" }}></i>entitled</span>
  </p>`;
}
