/** The film's bar: play, pause, how fast, and where in time; Space plays and pauses, arrows step. The moment is the address's `at`. */
import { useEffect } from "preact/hooks";
import { html } from "htm/preact";
import { at, go, param } from "../state.js";
import { mayMove } from "../theme.js";
import { instant, zoneOffset } from "../units.js";
import { Choice } from "./choice.js";

const HOUR_MS = 3_600_000;
/** Milliseconds of the film in a second of the reader's. @type {Record<string, number>} */
const SPEEDS = { "1h": HOUR_MS, "6h": 6 * HOUR_MS, "1d": 24 * HOUR_MS, "7d": 168 * HOUR_MS };
const NAMES = { "1h": "1 hour/s", "6h": "6 hours/s", "1d": "1 day/s", "7d": "7 days/s" };
const STEP_MS = 100;

/** @param {{from_ms: number, to_ms: number}} props The film's first and last moment. */
export function Timebar({ from_ms, to_ms }) {
  const asked = param("speed").value ?? "1d";
  const speed = asked in SPEEDS ? asked : "1d";
  const isPlaying = param("play").value === "1";
  const now_ms = Math.max(from_ms, Math.min(to_ms, at.value ?? to_ms));
  useEffect(() => (isPlaying ? playing(from_ms, to_ms, SPEEDS[speed]) : undefined), [isPlaying, speed, from_ms, to_ms]);
  const turn = () => go(isPlaying ? { play: null } : { play: 1, at: now_ms >= to_ms ? from_ms : now_ms });
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    function onKey(event) {
      if (event.key !== " " || event.defaultPrevented || (event.target instanceof Element && event.target.closest("button, a, input:not([type=range]), select, textarea, summary, [data-row]"))) return;
      event.preventDefault();
      turn();
    }
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  });
  const set = (/** @type {Event} */ event) => go({ at: Number(/** @type {HTMLInputElement} */ (event.currentTarget).value) });
  return html`<div class="timebar" role="group" aria-label="Film">
    <button type="button" class="play" onClick=${turn}>${isPlaying ? "❚❚ Pause" : "▶ Play"}</button>
    <${Choice} label="Speed" isLabelHidden value=${speed} options=${Object.entries(NAMES).map(([value, name]) => ({ value, name }))} onChoose=${(/** @type {string} */ value) => go({ speed: value })} />
    <input class="scrub" type="range" aria-label="Moment" aria-valuetext=${instant(now_ms)} min=${from_ms} max=${to_ms} step=${HOUR_MS / 4} value=${now_ms} onInput=${set} />
    <output>${instant(now_ms)} ${zoneOffset(now_ms)}</output>
  </div>`;
}

/** Moves the moment until stopped or at the end. @param {number} from_ms @param {number} to_ms @param {number} speed @returns {() => void} Stops. */
function playing(from_ms, to_ms, speed) {
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const next = Math.max(from_ms, at.peek() ?? from_ms) + ((now - last) / 1000) * speed;
    last = now;
    if (document.hidden) return;
    go(next >= to_ms ? { at: to_ms, play: null } : { at: Math.round(next) });
  }, mayMove() ? STEP_MS : 1000);
  return () => clearInterval(timer);
}
