/** Release gates: in which stage each release is, what the next one lacks, and who has to attest it. */
import { html } from "htm/preact";
import { count, instant, percent } from "../units.js";

/** @typedef {import("./shapes.js").Gate} Gate */
/** @typedef {import("./shapes.js").Need} Need */

/** @param {{gates: Gate[]}} props */
export function Gates({ gates }) {
  return html`${gates.map((gate) => html`<section class="card gate" key=${`${gate.gate} ${gate.release}`}>
    <header><h2>${gate.gate}: ${gate.services.map((one) => one.service).join(", ") || "no service"}</h2><span class="soft"><code>${gate.release.slice(0, 19)}…</code></span></header>
    <p>${standing(gate)}</p>
    <ol class="stages" aria-label="Stages">${gate.stages.map((one) => html`<li key=${one.stage} aria-current=${one.stage === gate.stage ? "step" : undefined}>${one.stage}: up to ${percent(one.quota_ppm)}</li>`)}</ol>
    ${[...new Set(gate.needs.map((one) => one.stage))].map((stage) => html`<div key=${stage}><h3>${stage}</h3><ul class="needs">${gate.needs.filter((one) => one.stage === stage).map((one) => html`<${NeedLine} key=${`${one.type} ${one.board}`} need=${one} />`)}</ul></div>`)}
    ${gate.refused.map((one) => html`<p class="warned" key=${one.message}>Not counted: ${one.code} ${one.message}</p>`)}
  </section>`)}`;
}

/** @param {Gate} gate */
function standing(gate) {
  const may = gate.services.map((one) => (one.replicas === null ? `${one.service} may have any number of replicas` : `${one.service} may have ${count(one.replicas)} replicas`)).join("; ");
  const ahead = gate.next_stage === null ? "" : gate.opens_ms === null ? ` ${gate.next_stage} does not open by waiting.` : ` ${gate.next_stage} opens on ${instant(gate.opens_ms)}, if nothing is taken back.`;
  if (gate.stage === null) return `In no stage: it may use nothing.${ahead}`;
  if (gate.falls_since_ms !== null) return `Leaving ${gate.stage} since ${instant(gate.falls_since_ms)}: ${percent(gate.quota_ppm)} of the limit now, less every day.`;
  return `In ${gate.stage}${gate.since_ms === null ? "" : ` since ${instant(gate.since_ms)}`}: ${percent(gate.quota_ppm)} of the limit; ${may}.${ahead}`;
}

/** @param {{need: Need}} props */
function NeedLine({ need }) {
  if (need.met) return html`<li><b class="good"><span aria-hidden="true">✓</span> ${need.type}</b>: signed by ${need.signed.join(", ")} of ${need.board}${need.until_ms === null ? "" : `, fresh until ${instant(need.until_ms)}`}</li>`;
  const more = need.quorum - need.signed.length > 0 ? need.quorum - need.signed.length : need.quorum;
  return html`<li><b class="bad"><span aria-hidden="true">✕</span> ${need.type}</b>: ${need.says}. ${count(more)} of ${need.can_sign.join(", ")} (${need.board}) must attest it.</li>`;
}
