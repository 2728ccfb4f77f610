/** Windows as a strip of verdicts, the oldest first: a colour and a sign each, so that no colour is needed. */
import { html } from "htm/preact";
import { go } from "../state.js";
import { count, day } from "../units.js";

/** @type {Record<string, {sign: string, kind: string}>} */
const SIGNS = {
  kept: { sign: "✓", kind: "kept" },
  "kept, unused": { sign: "✓", kind: "unused" },
  "kept within grace": { sign: "~", kind: "grace" },
  broken: { sign: "✕", kind: "broken" },
  undecided: { sign: "…", kind: "undecided" },
};

/** A verdict in words with its sign. @param {{of: string | null}} props */
export function Verdict({ of }) {
  const { sign, kind } = SIGNS[of ?? "undecided"] ?? SIGNS.undecided;
  return html`<span class=${`verdict ${kind}`}><span aria-hidden="true">${sign}</span> ${of ?? "open"}</span>`;
}

/** @param {{windows: [number, number, string][], label: string}} props */
export function Strip({ windows, label }) {
  return html`<div class="strip" role="img" aria-label=${label}>${windows.map(([from, to, verdict]) => html`<i key=${`${from} ${to}`} class=${SIGNS[verdict]?.kind} title=${`${day(from)} to ${day(to)}: ${verdict}`}>${SIGNS[verdict]?.sign}</i>`)}</div>`;
}

/** The same to choose a window from. @param {{windows: {from_ms: number, to_ms: number, verdict: string | null}[], chosen: number | null}} props `chosen`: its end. */
export function ChoosingStrip({ windows, chosen }) {
  const here = windows.findIndex((one) => one.to_ms === chosen);
  /** @param {KeyboardEvent} event */
  function walk(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(windows.length - 1, here + step));
    go({ window: windows[next].to_ms });
    /** @type {HTMLElement} */ (event.currentTarget).querySelectorAll("button")[next]?.focus();
  }
  return html`<div class="strip choosing" role="radiogroup" aria-label="Windows" onKeyDown=${walk}>
    ${windows.map((one, n) => {
      const { sign, kind } = SIGNS[one.verdict ?? "undecided"] ?? SIGNS.undecided;
      return html`<button key=${`${one.from_ms} ${one.to_ms}`} type="button" role="radio" aria-checked=${String(n === here)} tabindex=${n === Math.max(here, 0) ? 0 : -1} class=${kind}
        aria-label=${`${day(one.from_ms)} to ${day(one.to_ms)}: ${one.verdict ?? "open"}`} title=${`${day(one.from_ms)} to ${day(one.to_ms)}: ${one.verdict ?? "open"}`} onClick=${() => go({ window: one.to_ms })}>${sign}</button>`;
    })}
  </div>`;
}

/** "12 kept, 3 broken". @param {Record<string, number>} tally */
export function tallyText(tally) {
  const told = Object.entries(tally).sort(([, a], [, b]) => b - a);
  return told.length ? told.map(([verdict, number]) => `${count(number)} ${verdict}`).join(", ") : "none is over yet";
}
