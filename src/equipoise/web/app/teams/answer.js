/** The sentences that Now, Teams and a team's page begin with. */
import { html } from "htm/preact";
import { href } from "../state.js";
import { amount, count, duration, instant, percent } from "../units.js";

/** @typedef {import("preact").ComponentChildren} Children */

/** A team as a link to its page. @param {string} path */
export function teamLink(path) {
  return html`<a href=${href({ screen: "team", rest: path })}>${path}</a>`;
}

/** Who is below their floor, and who borrows. @param {any} now What `/now` answers. @returns {Children} */
export function nowSentence(now) {
  const [first, second] = now.below.teams;
  if (!first) {
    const loan = now.loans.items[0];
    const borrows = loan ? html`; ${teamLink(loan.borrower)} borrows <b>${count(loan.gpus)}</b> from ${teamLink(loan.lender)}` : "";
    return now.waiting.jobs ? html`Every team that waits has its floor${borrows}.` : html`Nobody waits: every team has what it asks for${borrows}.`;
  }
  const more = now.below.in_all - (second ? 2 : 1);
  const others = [second && html`${teamLink(second.team)} by ${count(second.lacks_gpus)} in ${second.pool}`, more > 0 && amount(more, "further team")].filter(Boolean);
  const [holder, next] = first.held_by;
  const held = holder && html`; ${teamLink(holder.team)} holds <b>${count(holder.gpus)}</b>${next && html` and ${teamLink(next.team)} <b>${count(next.gpus)}</b>`} of its floor`;
  return html`${teamLink(first.team)} is <b class="bad">below its floor by ${amount(first.lacks_gpus)}</b> in ${first.pool}${since(first.since_ms)}${held}.${others.length > 0 && html` So are ${others.map((one, n) => html`${n ? " and " : ""}${one}`)}.`}`;
}

/** What waits, and what comes next. @param {any} now @returns {Children} */
export function nowDetail(now) {
  const { jobs, gpus, longest_ms, longest_team } = now.waiting;
  const waits = jobs
    ? html`${amount(jobs, "job")} ${jobs === 1 ? "waits" : "wait"} for ${amount(gpus)}${longest_team && html`, the longest for ${duration(longest_ms)} (${teamLink(longest_team)})`}.`
    : "No job waits.";
  const next = now.edge && html` Next, the window of the promise <a href=${href({ screen: "promises", rest: now.edge.promise })}>${now.edge.promise}</a> (${now.edge.window}) ends ${instant(now.edge.ends_ms)}.`;
  return html`${waits}${next}`;
}

/** How many teams starve, and which most. @param {{columns: string[], rows: any[][], since: {denied_ms: number | null}}} data @returns {Children} */
export function teamsSentence(data) {
  const at = (/** @type {string} */ name) => data.columns.indexOf(name);
  const starving = data.rows.filter((row) => row[at("starving")]);
  const lacking = data.rows.filter((row) => row[at("lacks_gpus")]);
  const below = lacking.length ? html`${amount(lacking.length, "team")} ${lacking.length === 1 ? "is" : "are"} below floor now` : "no team is below its floor now";
  if (data.since.denied_ms === null) return html`Of ${amount(data.rows.length, "team")}, ${below}.`;
  if (!starving.length) return html`No team is starving: in ${duration(data.since.denied_ms)} none was denied more than a quarter of what it was entitled to; ${below}.`;
  const most = starving.reduce((one, other) => (other[at("denied_7d_ppm")] > one[at("denied_7d_ppm")] ? other : one));
  return html`<b class="bad">${count(starving.length)} of ${amount(data.rows.length, "team")} ${starving.length === 1 ? "is" : "are"} starving</b>: ${teamLink(most[0])} most, denied ${percent(most[at("denied_7d_ppm")])} of what it was entitled to in ${duration(data.since.denied_ms)}; ${below}.`;
}

/** How a team stands. @param {any} team What its page is told. @returns {Children} */
export function teamSentence(team) {
  const worst = team.pools.reduce((/** @type {any} */ one, /** @type {any} */ other) => (other.lacks_gpus > one.lacks_gpus ? other : one));
  const { held_gpus, entitled_gpus, waiting_jobs } = team.all;
  const has =
    held_gpus > entitled_gpus
      ? html`holds <b>${amount(held_gpus)}</b>, ${count(held_gpus - entitled_gpus)} more than it is entitled to`
      : html`holds <b>${count(held_gpus)}</b> of the ${amount(entitled_gpus)} it is entitled to`;
  if (worst.lacks_gpus) return html`${team.path} is <b class="bad">below its floor by ${amount(worst.lacks_gpus)}</b> in ${worst.pool}; in all it ${has}.`;
  return html`${team.path} ${has}${waiting_jobs ? `; ${amount(waiting_jobs, "job")} of it ${waiting_jobs === 1 ? "waits" : "wait"}` : "; nothing of it waits"}.`;
}

/** What it was denied of late, and who uses its floor. @param {any} team @returns {Children} */
export function teamDetail(team) {
  const { denied_7d_ppm, waiting_gpus, longest_wait_ms, starving } = team.all;
  const { lends, borrows } = team.loans;
  return html`${denied_7d_ppm !== null && html`In seven days it was denied ${percent(denied_7d_ppm)} of what it was entitled to${starving ? ": it starves" : ""}. `}
    ${waiting_gpus > 0 && html`It waits for ${amount(waiting_gpus)}, the longest job for ${duration(longest_wait_ms)}. `}
    ${lends.gpus > 0 && html`Others hold ${count(lends.gpus)} of its floor, due back within ${duration(team.back_within_ms)} of when it claims them. `}
    ${borrows.gpus > 0 && html`It holds ${count(borrows.gpus)} of others’.`}`;
}

/** @param {number | null} since_ms */
function since(since_ms) {
  return since_ms === null ? "" : html` since ${instant(since_ms)}`;
}
