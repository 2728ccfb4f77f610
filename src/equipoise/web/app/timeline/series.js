/** What a team held, was entitled to and was denied over the span, below the picture. */
import { html } from "htm/preact";
import { Chart } from "../parts/chart.js";
import { Answered } from "../parts/states.js";
import { useServer } from "../server.js";
import { look } from "./span.js";

const MEASURES = /** @type {const} */ ([["held", "accent", false], ["entitled", "soft", true], ["denied", "denied", false]]);

/** @param {{runs: {run: string, title: string, from_ms: number, to_ms: number}[], pool: string, span: [number, number], team: string}} props */
export function Series({ runs, pool, span, team }) {
  return html`<div class=${runs.length > 1 ? "cards" : ""}>${runs.map((one) => html`<${One} key=${one.run} run=${one} pool=${pool} span=${span} team=${team} isBeside=${runs.length > 1} />`)}</div>`;
}

/** @param {{run: {run: string, title: string, from_ms: number, to_ms: number}, pool: string, span: [number, number], team: string, isBeside: boolean}} props */
function One({ run, pool, span, team, isBeside }) {
  const query = { teams: team, measures: MEASURES.map(([name]) => name).join(","), pool, from_ms: Math.round(span[0]), to_ms: Math.round(span[1]), points: 400 };
  const answer = useServer(`/runs/${encodeURIComponent(run.run)}/series`, { query });
  const of = team || "the lab";
  return html`<section><h2>Held, entitled and denied: ${of}${isBeside ? ` (${run.title})` : ""}</h2>
    <${Answered} of=${answer} what="the series" isPart>${(/** @type {any} */ data) => html`<${Chart} name=${`series-${run.run}`} label=${`Devices that ${of} held, was entitled to and was denied over time.`} unit="devices" height=${150}
      series=${MEASURES.flatMap(([measure, colour, isDashed]) => {
        const found = data.items.find((/** @type {any} */ item) => item.measure === measure);
        return found ? [{ name: measure, colour, isDashed, data: { from_ms: data.from_ms, step_ms: data.step_ms, mean: found.mean, ...(measure === "held" ? { min: found.min, max: found.max } : {}) } }] : [];
      })}
      onZoom=${(/** @type {[number, number] | null} */ zoomed) => look(zoomed ?? [run.from_ms, run.to_ms], [run.from_ms, run.to_ms])} />`}<//>
  </section>`;
}
