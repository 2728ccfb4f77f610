/** Pools as cards: held, idle, down and in maintenance, of all devices. */
import { html } from "htm/preact";
import { Card } from "../parts/card.js";
import { amount, count } from "../units.js";

const WIDTH = 1000;
const PARTS = /** @type {const} */ ([["held_gpus", "held", "held"], ["idle_gpus", "unused", "idle"], ["maintenance_gpus", "blocked", "maintenance"], ["down_gpus", "down", "down"]]);

/** @param {{of: any[]}} props `pools` of Now. */
export function Pools({ of }) {
  return html`${of.map((pool) => html`<${Card} key=${pool.pool} title=${html`${pool.pool} <span class="soft">${pool.device}</span>`}
    figure=${html`${count(pool.held_gpus)} <span class="soft small">of ${count(pool.capacity_gpus)} held</span>`}
    note=${pool.waiting_jobs ? `${amount(pool.waiting_jobs, "job")} ${pool.waiting_jobs === 1 ? "waits" : "wait"} for ${amount(pool.waiting_gpus)}` : "nothing waits"}>
    <${PoolBar} pool=${pool} />
    <p class="legend">${PARTS.filter(([name]) => name === "held_gpus" || pool[name] > 0).map(([name, colour, word]) => html`<span key=${name}><i class="swatch" style=${{ background: `var(--${colour})`, height: "8px" }}></i>${word} ${count(pool[name])}</span>`)}</p>
  <//>`)}`;
}

/** @param {{pool: any}} props */
function PoolBar({ pool }) {
  const all = Math.max(1, pool.capacity_gpus + pool.down_gpus + pool.maintenance_gpus);
  let from = 0;
  const told = PARTS.map(([name, , word]) => `${word} ${count(pool[name])}`).join(", ");
  return html`<svg class="bar" viewBox="0 0 ${WIDTH} 16" preserveAspectRatio="none" role="img" aria-label=${`${pool.pool}: ${told}`}>
    ${PARTS.map(([name, colour]) => {
      const x = (from / all) * WIDTH;
      from += pool[name];
      return html`<rect key=${name} x=${x} y="3" width=${(pool[name] / all) * WIDTH} height="10" style=${{ fill: `var(--${colour})` }} />`;
    })}
  </svg>`;
}
