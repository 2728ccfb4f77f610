/**
 * The charter's text to try changes on: what is wrong stands beside its line, and what it would change, who must sign it and how it would
 * have done is asked of the server. Nothing is entered by it. The text is kept in the tab, by the charter that it began from.
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { html } from "htm/preact";
import { Trouble } from "../parts/states.js";
import { download } from "../parts/columns.js";
import { ask } from "../server.js";
import { at, go, param } from "../state.js";
import { count } from "../units.js";
import { Changes, Difference, entriesOf } from "./document.js";
import { Effects } from "./effects.js";
import { Signers } from "./signers.js";

/** @typedef {import("./shapes.js").Planned} Planned */
/** @typedef {import("./shapes.js").Replayed} Replayed */
/** @typedef {import("./shapes.js").Finding} Finding */
/** @typedef {import("../server.js").Problem | import("../server.js").Gone} Refused */

const RESTS_MS = 600; // after the last key, before the server is asked
const POLLS_MS = 700;

/** @param {{run: string, digest: string, text: string, isLive: boolean}} props */
export function Workbench({ run, digest, text, isLive }) {
  const kept = `equipoise-draft-${digest}`;
  const [draft, setDraft] = useState(sessionStorage.getItem(kept) ?? text);
  const [planned, setPlanned] = useState(/** @type {Planned | null} */ (null));
  const [refused, setRefused] = useState(/** @type {Refused | null} */ (null));
  const [replayed, setReplayed] = useState(/** @type {Replayed | null} */ (null));
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const latest = useRef(draft);
  latest.current = draft;
  const days = Number(param("days").value ?? 7) || 7;
  useEffect(() => {
    if (draft === text) sessionStorage.removeItem(kept);
    else sessionStorage.setItem(kept, draft);
    setReplayed(null);
    if (draft === text) return setPlanned(null);
    const timer = setTimeout(() => void plan(0), RESTS_MS);
    return () => clearTimeout(timer);
  }, [draft, at.value, run]);
  /** @param {number} over How many days are replayed. */
  async function plan(over) {
    const asked = draft;
    const answer = await ask(`/runs/${encodeURIComponent(run)}/plan`, { method: "POST", body: { text: asked, at_ms: at.value, days: over } });
    if (latest.current !== asked) return;
    setRefused(answer.kind === "ok" ? null : answer);
    if (answer.kind !== "ok") return;
    const found = /** @type {Planned} */ (answer.data);
    setPlanned(found);
    if (over && found.replay) void follow(found.replay, asked);
  }
  /** @param {string} name @param {string} asked */
  async function follow(name, asked) {
    for (;;) {
      const answer = await ask(`/runs/${encodeURIComponent(run)}/plans/${name}`);
      if (latest.current !== asked) return;
      if (answer.kind !== "ok") return setRefused(answer);
      const found = /** @type {Replayed} */ (answer.data);
      setReplayed(found);
      if (found.state !== "running") return;
      await new Promise((resolve) => setTimeout(resolve, POLLS_MS));
    }
  }
  /** @param {Finding} finding */
  function show({ line, column }) {
    const place = draft.split("\n").slice(0, Math.max(0, line - 1)).reduce((sum, one) => sum + one.length + 1, 0) + Math.max(0, column - 1);
    field.current?.focus();
    field.current?.setSelectionRange(place, place + 1);
  }
  return html`<div class="workbench">
    <div>
      <${Editor} draft=${draft} findings=${planned?.findings ?? []} field=${field} onChange=${setDraft} />
      <div class="tools">
        <button type="button" disabled=${draft === text} onClick=${() => setDraft(text)}>Take it all back</button>
        <button type="button" disabled=${draft === text} onClick=${() => download("charter.yaml", draft, "text/yaml;charset=utf-8")}>Save the text</button>
        <span class="soft">Nothing is entered here: sign the saved file with <code>equipoise sign</code>.</span>
      </div>
      <${Findings} findings=${planned?.findings ?? []} show=${show} />
    </div>
    <div aria-live="polite">
      ${refused && html`<${Trouble} sentence=${refused.sentence} hint=${refused.hint} code=${refused.kind === "problem" ? refused.code : ""} isPart />`}
      ${!planned && !refused && html`<p class="soft">Change a line, a floor say, and read here what that would change, who would have to sign it, and how the last days would have gone.</p>`}
      ${planned && !planned.plan && html`<h3>It cannot be read as a charter yet.</h3>`}
      ${planned?.plan && html`<${Outcome} plan=${planned.plan} before=${text} draft=${draft} setDraft=${setDraft} />`}
    </div>
    ${planned?.plan && html`<div class="wide">${isLive ? html`<p class="soft">How it would have done on this lab's own jobs: <code>POST /api/v1/simulations</code> with this text.</p>` : html`<${Replay} days=${days} replayed=${replayed} begin=${() => void plan(days)} />`}</div>`}
  </div>`;
}

/** @param {{draft: string, findings: Finding[], field: import("preact").RefObject<HTMLTextAreaElement>, onChange: (text: string) => void}} props */
function Editor({ draft, findings, field, onChange }) {
  const gutter = useRef(/** @type {HTMLDivElement | null} */ (null));
  const worst = useMemo(() => new Map(findings.toSorted((a, b) => (a.severity < b.severity ? 1 : -1)).map((one) => [one.line, one])), [findings]);
  const lines = draft.split("\n");
  return html`<div class="editor">
    <div class="gutter" ref=${gutter} aria-hidden="true">${lines.map((_, n) => {
      const found = worst.get(n + 1);
      return html`<div key=${n} class=${found?.severity} title=${found?.message}>${found ? (found.severity === "error" ? "✕ " : "! ") : ""}${n + 1}</div>`;
    })}</div>
    <textarea ref=${field} aria-label="The charter's text, to try changes on" spellcheck="false" autocomplete="off" wrap="off" value=${draft}
      aria-invalid=${findings.some((one) => one.severity === "error") ? "true" : undefined} aria-describedby="charter-findings"
      onInput=${(/** @type {Event} */ event) => onChange(/** @type {HTMLTextAreaElement} */ (event.currentTarget).value)}
      onScroll=${(/** @type {Event} */ event) => gutter.current && (gutter.current.scrollTop = /** @type {Element} */ (event.currentTarget).scrollTop)}></textarea>
  </div>`;
}

/** @param {{findings: Finding[], show: (finding: Finding) => void}} props */
function Findings({ findings, show }) {
  return html`<ul class="findings" id="charter-findings">${findings.map((one) => html`<li key=${`${one.line} ${one.column} ${one.code} ${one.message}`}>
    <button type="button" onClick=${() => show(one)}>Line ${count(one.line)}, column ${count(one.column)}</button><b class=${one.severity === "error" ? "bad" : ""}>${one.severity}</b> ${one.message} ${one.hint && html`<span class="soft">(${one.hint})</span>`} <code>${one.code}</code></li>`)}</ul>`;
}

/** @param {{plan: import("./shapes.js").Plan, before: string, draft: string, setDraft: (text: string) => void}} props */
function Outcome({ plan, before, draft, setDraft }) {
  const entries = entriesOf(plan.sentences);
  return html`<h3>${plan.summary}</h3>
    <${Changes} entries=${entries} />
    ${plan.affected.length > 0 && html`<details><summary>${count(plan.affected.length + (plan.more?.affected ?? 0))} more are affected, though nothing of their own is changed</summary><${Changes} entries=${entriesOf(plan.affected)} /></details>`}
    ${entries.length > 0 && html`<h3>Who must sign</h3><${Signers} tallies=${plan.signatures ?? []} notice_ms=${plan.notice_ms} not_before_ms=${plan.not_before_ms} />`}
    ${plan.order && entries.length > 0 && html`<p class="warned">${plan.order} <button type="button" onClick=${() => setDraft(following(draft, plan))}>Write it so</button></p>`}
    <details><summary>As text</summary><${Difference} before=${before} after=${draft} label="Lines that change" /></details>`;
}

/** The text with the revision and the parent that follow the charter in force. @param {string} draft @param {import("./shapes.js").Plan} plan */
export function following(draft, { before }) {
  const lines = [`revision: ${(before?.revision ?? 0) + 1}`, ...(before ? [`parent: ${before.digest}`] : [])];
  const rest = draft.split("\n").filter((line) => !/^(?:revision|parent):/.test(line));
  const place = rest.findIndex((line) => /^lab:/.test(line));
  rest.splice(place < 0 ? rest.findIndex((line) => /^equipoise:/.test(line)) + 1 : place + 1, 0, ...lines);
  return rest.join("\n");
}

/** @param {{days: number, replayed: Replayed | null, begin: () => void}} props */
function Replay({ days, replayed, begin }) {
  return html`<h3>How the last days would have gone</h3>
    <div class="tools"><label>Days <input type="number" min="1" max="28" value=${days} onChange=${(/** @type {Event} */ event) => go({ days: Math.max(1, Math.min(28, Number(/** @type {HTMLInputElement} */ (event.currentTarget).value) || 7)) })} /></label>
      <button type="button" class="primary" disabled=${replayed?.state === "running"} onClick=${begin}>Replay ${count(days)} days</button>${replayed?.state === "running" && html`<span role="status">Replaying …</span>`}</div>
    ${replayed?.fault && html`<${Trouble} sentence=${replayed.fault.sentence} hint=${replayed.fault.hint} code=${replayed.fault.code} isPart />`}
    ${replayed?.result && html`<${Effects} result=${replayed.result} />`}`;
}
