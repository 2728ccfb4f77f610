/** Series of teams over time, up to the moment that is looked at: what comes after it in a film is not shown. */
import { html } from "htm/preact";
import { useMemo } from "preact/hooks";
import { Chart } from "../parts/chart.js";
import { Answered } from "../parts/states.js";
import { ofRun } from "../runs.js";
import { useServer } from "../server.js";
import { pool, range } from "../state.js";

const POINTS = 360;
/** Of one team's measures: colour, name, and whether it was measured. @type {Record<string, {colour: string, name: string, isDashed?: boolean}>} */
const MEASURES = {
  held: { colour: "held", name: "held" },
  entitled: { colour: "accent", name: "entitled" },
  floor: { colour: "ink", name: "floor", isDashed: true },
  denied: { colour: "denied", name: "denied" },
  waiting: { colour: "t1", name: "waiting" },
};

/** @typedef {{from_ms: number, step_ms: number, items: {team: string, measure: string, min: number[], max: number[], mean: number[]}[]}} Answer */

/**
 * One measure of several teams, or (`measures`) several of one.
 * @param {{chosen: import("../runs.js").Chosen, teams: string[], measure?: string, measures?: string[], until_ms: number, name: string, label: string}} props
 */
export function Course({ chosen, teams, measure = "held", measures = [measure], until_ms, name, label }) {
  const span = range.value;
  const shown = useServer(ofRun(chosen, "/series"), {
    query: { team: teams.join(","), measures: measures.join(","), pool: pool.value, from_ms: span?.[0], to_ms: span?.[1], points: POINTS },
    isLive: chosen.isNow,
  });
  return html`<${Answered} of=${shown} what="the series" isPart>${(/** @type {Answer} */ answer) => html`<${Drawn} answer=${answer} until_ms=${until_ms} name=${name} label=${label} isOne=${teams.length === 1} />`}<//>`;
}

/** @param {{answer: Answer, until_ms: number, name: string, label: string, isOne: boolean}} props */
function Drawn({ answer, until_ms, name, label, isOne }) {
  const { from_ms, step_ms } = answer;
  const known = Math.max(0, Math.ceil((until_ms - from_ms) / step_ms));
  const series = useMemo(
    () =>
      answer.items.map((item, n) => ({
        ...(isOne ? MEASURES[item.measure] : { name: item.team, colour: `t${n % 7}` }),
        data: { from_ms, step_ms, mean: upTo(item.mean, known), ...(isOne && item.measure === "floor" ? {} : { min: upTo(item.min, known), max: upTo(item.max, known) }) },
      })),
    [answer, known, isOne],
  );
  return html`<${Chart} name=${name} label=${label} series=${series} unit="devices" />`;
}

/** @param {number[]} values @param {number} known @returns {(number | null)[]} */
function upTo(values, known) {
  return values.map((value, n) => (n < known ? value : null));
}
