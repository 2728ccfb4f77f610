/** Outlook: what a course does to people, knowledge and the lead, with its doubt; on which beliefs that hangs, and what the model fails. */
import { html } from "htm/preact";
import { Segments } from "../parts/choice.js";
import { Sentence } from "../parts/sentence.js";
import { Answered, Empty, Loading, Trouble } from "../parts/states.js";
import { Beliefs, Checks, Differences, Drivers, Results, Starts } from "../outlook/basis.js";
import { FanKey } from "../outlook/fan.js";
import { Fans } from "../outlook/fans.js";
import { Frontier } from "../outlook/frontier.js";
import { WhatIf } from "../outlook/whatif.js";
import { useOwnYears, usePlayed, wished, OWN } from "../outlook/years.js";
import { ofRun, useRun } from "../runs.js";
import { useServer } from "../server.js";
import { go, param } from "../state.js";
import { instant } from "../units.js";

/** @typedef {import("../outlook/years.js").Ready} Ready */
/** @typedef {import("../outlook/years.js").NotReady} NotReady */

export default function Outlook() {
  const chosen = useRun();
  const own = useOwnYears(chosen);
  const wish = wished();
  const known = /** @type {import("../server.js").Shown<import("../outlook/years.js").Scenarios>} */ (useServer(own.data ? ofRun(chosen, "/outlook/scenarios") || null : null, { query: { again: own.data?.state ?? null } }));
  const played = usePlayed(ofRun(chosen, "/outlook") || null, wish);
  if (chosen.of.problem && !chosen.name) return html`<${Answered} of=${chosen.of} what="the runs">${() => null}<//>`;
  return html`<${Answered} of=${own} what="the outlook">${(/** @type {Ready | NotReady} */ data) => {
    const base = data.state === "ready" ? data : null;
    const shown = played ? played.data : base;
    return html`
      ${played?.problem && html`<${Trouble} sentence=${played.problem.sentence} hint=${played.problem.hint} code=${played.problem.kind === "problem" ? played.problem.code : ""} isPart=${shown !== null} />`}
      ${shown ? html`<${Answer} of=${shown} base=${base} isPlayed=${played !== null} />` : data.state === "ready" || played ? !played?.problem && html`<${Loading} what="the years played anew" />` : html`<${NotYet} of=${data} />`}
      ${known.data && html`<${WhatIf} known=${known.data} wish=${wish} played=${played} runs=${(shown ?? base)?.runs ?? 0} />`}
      ${shown && html`<div class=${played?.isPlaying ? "is-stale playing" : ""}><${Years} of=${shown} base=${base} isPlayed=${played !== null} /></div>`}
      <${Frontier} chosen=${chosen} />`;
  }}<//>`;
}

/** @param {{of: Ready, base: Ready | null, isPlayed: boolean}} props */
function Answer({ of, base, isPlayed }) {
  const [first, ...rest] = of.sentences;
  const failed = (base?.checks ?? []).filter((one) => one.verdict !== "passed").length;
  const fails = isPlayed && failed > 0 ? ` As believed it fails ${failed} of its ${base?.checks.length} checks.` : "";
  return html`<${Sentence}>${emphasised(first)}<//>
    <ul class="said">${rest.map((one) => html`<li key=${one}>${emphasised(one)}</li>`)}<li>This is a model of few facts and many assumptions, not a prophecy.${fails}</li></ul>
    ${of.problem && html`<p class="stale" role="status">Worked out ${instant(of.at_ms)}; since then it could not be: ${of.problem.title}. ${of.problem.hint}</p>`}
    ${of.at_ms && !of.problem && html`<p class="soft">Worked out ${instant(of.at_ms)}, from the lab's own record; anew each hour.</p>`}
    ${param("at").value !== null && html`<p class="soft">The years begin where what is recorded ends; the moment that is looked at elsewhere does not change them.</p>`}`;
}

/** Numbers with their intervals stand out. @param {string} sentence */
function emphasised(sentence) {
  return sentence.split(/([−+]?\d[\d.,]* (?:%|points) \([^)]*\))/).map((part, n) => (n % 2 ? html`<b key=${n} class="whole">${part}</b>` : part));
}

const MEASURES = [
  { value: "kept", name: "Still there" },
  { value: "people", name: "Headcount" },
  { value: "knowledge", name: "Knowledge" },
  { value: "knowledge_a_head", name: "Knowledge a head" },
];
/** @type {Record<string, string>} */
const ABOUT = {
  kept: "What part of the people who are in a team now is still there; the rest have left the lab.",
  people: "How many people a team has, those hired among them.",
  knowledge: "What a team knows, of what it knew at the start: who leaves takes more along than a newcomer brings, and a team that grows may know more all the same.",
  knowledge_a_head: "What a team knows for each of its people, against people who all know their work in full: below, it lives on newcomers.",
};

/** @param {{of: Ready, base: Ready | null, isPlayed: boolean}} props */
function Years({ of, base, isPlayed }) {
  const measure = MEASURES.some((one) => one.value === param("show").value) ? /** @type {string} */ (param("show").value) : "kept";
  const titles = of.courses.map((one) => capital(one.run));
  const order = [...of.told_of].sort((a, b) => Number(b === of.watched) - Number(a === of.watched)); // first whom the answer is about
  const teams = order.map((team) => ({ name: measure, team, title: team, note: noteOf(of, team) }));
  const lab = [
    { name: "lead", team: "", title: "Lead in capability over the best rival", note: "A logarithm: ln 3 is a year of the mean lab's progress. Below 0, a rival leads." },
    { name: "revenue", team: "", title: "Revenue", note: "$ bn a year." },
  ];
  return html`
    <section aria-label="People">
      <h2>People, on each course</h2>
      <p>${ABOUT[measure]} ${unsaid(of)}</p>
      <${FanKey} courses=${titles} runs=${of.runs} />
      <${Fans} name="people" label="People by team, course and month" courses=${of.courses} wanted=${teams} titles=${titles}
        tools=${html`<${Segments} label="What is shown of people" options=${MEASURES} value=${measure} onChoose=${(/** @type {string} */ value) => go({ show: value === "kept" ? null : value })} />`} />
    </section>
    <section aria-label="Lab">
      <h2>The lab, among its rivals</h2>
      <${Fans} name="lab" label="Lead and revenue by course and month" courses=${of.courses} wanted=${lab} titles=${titles} />
    </section>
    ${of.courses.length > 1 ? html`<${Differences} of=${of} titles=${titles} />` : html`<${Results} of=${of} />`}
    <${Drivers} of=${of} />
    ${base && of.scenario.startsWith(OWN) && html`<${Checks} of=${base} isMoved=${isPlayed} />`}
    <${Starts} of=${of} titles=${titles} />
    <${Beliefs} of=${of} />`;
}

/** @param {Ready} of @param {string} team */
function noteOf(of, team) {
  const people = of.courses[0].fans.find((fan) => fan.name === "people" && fan.team === team);
  return people ? `${Math.round(people.bands[0][0]).toLocaleString("en")} people now.` : "";
}

/** Of whom nothing is told. @param {Ready} of */
function unsaid(of) {
  const rule = `Nothing is told of fewer than ${of.least_people} people`;
  return of.not_told_of.length ? `${rule}, nor of whom no people are known: so nothing of ${of.not_told_of.join(", ")}.` : `${rule}.`;
}

/** @param {{of: NotReady}} props */
function NotYet({ of }) {
  if (of.state === "running") return html`<${Loading} what="the outlook: it is worked out beside the lab, and takes a minute" />`;
  if (of.state === "failed" && of.problem) return html`<${Trouble} sentence=${of.problem.title} hint=${of.problem.hint} code=${of.problem.code} />`;
  if (of.state === "early") return html`<${Empty} title=${of.sentence ?? ""} hint="The shipped scenarios below can be looked at meanwhile." />`;
  return html`<${Empty} title=${of.sentence ?? ""} hint=${html`Put a file <code>${of.file}</code> into the lab's folder, beside its charter: who works in each team at the top, what the lab earns, and its rivals. The years are then worked out each hour from what this lab measured. The shipped scenarios below can be looked at meanwhile.`}>
    ${of.example && html`<pre class="example">${of.example}</pre>`}
    <p class="soft">Nothing is told of a team of fewer than ${of.least_people} people, and nothing about single people is read. What the file may hold: docs/outlook.md.</p><//>`;
}

/** @param {string} text */
function capital(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
