/** What if: the scenario in which the years are played, and sliders that move what the model believes. All of it is in the address. */
import { useState } from "preact/hooks";
import { html } from "htm/preact";
import { Choice } from "../parts/choice.js";
import { go } from "../state.js";
import { number } from "./figures.js";
import { move, OWN } from "./years.js";

/** @typedef {import("./years.js").Movable} Movable */
const NARROW_PX = 760; // there the sliders wait behind their summary, so that the fans are near

/**
 * @param {{known: import("./years.js").Scenarios, wish: {scenario: string, moved: Record<string, number>}, played: import("./years.js").Played | null, runs: number}} props
 */
export function WhatIf({ known, wish, played, runs }) {
  const [more, show] = useState(/** @type {string[]} */ ([]));
  const [isOpen, open] = useState(innerWidth > NARROW_PX || Object.keys(wish.moved).length > 0);
  const shown = known.parameters.filter((one) => one.is_usual || one.name in wish.moved || more.includes(one.name));
  const left = known.parameters.filter((one) => !shown.includes(one));
  const chosen = known.scenarios.find((one) => one.name === wish.scenario);
  const none = chosen || wish.scenario !== OWN ? [] : [{ value: OWN, name: "choose one …" }]; // nothing says who works in the lab itself
  const options = [...none, ...known.scenarios.map((one) => ({ value: one.name, name: one.is_own ? `This lab: ${one.title.toLowerCase()}` : `Public figures: ${one.title.toLowerCase()}` }))];
  const isMoved = Object.keys(wish.moved).length > 0 || wish.scenario !== OWN;
  return html`<section class="card whatif" aria-label="What if">
    <header><h2>What if</h2>
      <button type="button" class="quiet" disabled=${!isMoved} onClick=${() => go({ set: null, scenario: null })}>Put everything back</button></header>
    <div class="tools">
      <${Choice} label="Scenario" value=${wish.scenario} options=${options} onChoose=${(/** @type {string} */ value) => go({ scenario: value === OWN ? null : value }, { push: true })} />
      <span class="soft">${chosen?.told ?? ""}</span>
    </div>
    ${chosen && html`<details open=${isOpen} onToggle=${(/** @type {Event} */ event) => open(/** @type {HTMLDetailsElement} */ (event.currentTarget).open)}>
      <summary>Move what the model believes</summary>
      <div class="sliders">${shown.map((one) => html`<${Slider} key=${one.name} of=${one} value=${wish.moved[one.name] ?? null} />`)}</div>
      <div class="tools">${left.length > 0 && html`<${Choice} label="Move" value="" options=${[{ value: "", name: "another parameter …" }, ...left.map((one) => ({ value: one.name, name: `${one.name}: ${one.meaning}` }))]}
        onChoose=${(/** @type {string} */ value) => value && show([...more, value])} />`}</div>
    </details>
    <${Progress} played=${played} runs=${runs} />`}
  </section>`;
}

/** @param {{played: import("./years.js").Played | null, runs: number}} props */
function Progress({ played, runs }) {
  const isPlaying = played?.isPlaying ?? false;
  const words = isPlaying ? "Playing the years anew …" : played ? `Played anew, ${runs.toLocaleString("en")} runs under the same luck.` : `As believed: ${runs.toLocaleString("en")} runs.`;
  return html`<p class="soft playing" role="status">${isPlaying && html`<progress aria-label="Played" max="1000000" value=${played?.done_ppm || undefined}></progress>`} ${words}</p>`;
}

/** @param {{of: Movable, value: number | null}} props */
function Slider({ of, value }) {
  const isAssumed = of.solidity === "assumption";
  const place = value ?? of.median;
  const part = (/** @type {number} */ at) => `${(100 * Math.min(1, Math.max(0, (at - of.least) / (of.most - of.least || 1)))).toFixed(1)}%`;
  const id = `move-${of.name}`;
  return html`<div class=${`slider ${value === null ? "" : "moved"}`}>
    <label for=${id}><code>${of.name}</code> ${of.meaning}${isAssumed && html` <span class="badge assumed">assumption</span>`}</label>
    <div class="track">
      <input id=${id} type="range" min=${of.least} max=${of.most} step=${of.step} value=${place} aria-valuetext=${`${number(place)} ${of.unit}${value === null ? ", the median of what is believed" : ""}`}
        onInput=${(/** @type {Event} */ event) => move(of.name, Number(Number(/** @type {HTMLInputElement} */ (event.currentTarget).value).toPrecision(6)))} />
      <span class="belief" aria-hidden="true"><i style=${{ left: part(of.low), right: `calc(100% - ${part(of.high)})` }}></i></span>
    </div>
    <p class="soft">${value === null ? html`as believed, ${of.prior}` : html`<b>${number(value)}</b> ${of.unit === "1" ? "" : of.unit}, fixed; believed 5 to 95 %: ${number(of.low)} to ${number(of.high)}
      <button type="button" class="quiet" aria-label=${`Put ${of.name} back`} onClick=${() => move(of.name, null)}>Put back</button>`}</p>
  </div>`;
}
