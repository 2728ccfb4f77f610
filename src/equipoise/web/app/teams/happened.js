/** What happened in the last hour and day, as cards of sentences. */
import { html } from "htm/preact";
import { Card } from "../parts/card.js";
import { amount, count, duration } from "../units.js";
import { teamLink } from "./answer.js";

/** @param {{of: any[]}} props `changed` of Now. */
export function Happened({ of }) {
  return html`${of.map((one, n) => html`<${Card} key=${n} title=${`In the last ${n ? "day" : "hour"}`} note=${one.lasts_ms < (n ? 86_400_000 : 3_600_000) ? `since the beginning, ${duration(one.lasts_ms)} ago` : undefined}>
    <p>${amount(one.started_jobs, "job")} started, ${count(one.ended_jobs)} ended, ${count(one.asked_jobs)} ${one.asked_jobs === 1 ? "was" : "were"} asked for.</p>
    <p>${stops(one)}</p>
    ${one.moved.length > 0 && html`<p>${one.moved.map((/** @type {any} */ move, /** @type {number} */ place) => html`${place ? ", " : "Devices: "}${teamLink(move.team)} ${move.gpus > 0 ? "+" : "−"}${count(Math.abs(move.gpus))}`)}.</p>`}
  <//>`)}`;
}

/** @param {any} of */
function stops({ reclaimed_jobs, preempted_jobs, failed_jobs }) {
  const gave = [reclaimed_jobs && `${count(reclaimed_jobs)} for another team`, preempted_jobs && `${count(preempted_jobs)} for their own team’s priority`, failed_jobs && `${count(failed_jobs)} with a node that went away`].filter(Boolean);
  return gave.length ? `Stopped: ${gave.join(", ")}.` : "No job was stopped.";
}
