/** One of a few (`Segments`, arrows choose) or of many (`Choice`). */
import { html } from "htm/preact";

/** @typedef {{value: string, name: string}} Option */

/** @param {{label: string, options: Option[], value: string, onChoose: (value: string) => void}} props */
export function Segments({ label, options, value, onChoose }) {
  const chosen = Math.max(0, options.findIndex((one) => one.value === value));
  /** @param {KeyboardEvent} event */
  function onKeyDown(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (chosen + step + options.length) % options.length;
    onChoose(options[next].value);
    /** @type {HTMLElement} */ (event.currentTarget).querySelectorAll("button")[next].focus();
  }
  return html`<div class="segments" role="radiogroup" aria-label=${label} onKeyDown=${onKeyDown}>
    ${options.map((one, n) => html`<button key=${one.value} type="button" role="radio" aria-checked=${String(n === chosen)} tabindex=${n === chosen ? 0 : -1} onClick=${() => onChoose(one.value)}>${one.name}</button>`)}
  </div>`;
}

/** @param {{label: string, options: Option[], value: string, onChoose: (value: string) => void, isLabelHidden?: boolean}} props */
export function Choice({ label, options, value, onChoose, isLabelHidden }) {
  return html`<label class="choice"><span class=${isLabelHidden ? "hidden" : "soft"}>${label} </span>
    <select value=${value} onChange=${(/** @type {Event} */ event) => onChoose(/** @type {HTMLSelectElement} */ (event.currentTarget).value)}>
      ${options.map((one) => html`<option key=${one.value} value=${one.value} selected=${one.value === value}>${one.name}</option>`)}
    </select>
  </label>`;
}
