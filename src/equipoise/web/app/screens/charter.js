/** The charter in force: its text and what it means, who signs what, what a change would do, what came before, and where gates stand. */
import { useEffect, useState } from "preact/hooks";
import { html } from "htm/preact";
import { Changes, Difference, Source } from "../charter/document.js";
import { Gates } from "../charter/gates.js";
import { Signers } from "../charter/signers.js";
import { Workbench } from "../charter/workbench.js";
import { Card } from "../parts/card.js";
import { Segments } from "../parts/choice.js";
import { Filmbar, RunChoice } from "../parts/filmbar.js";
import { Sentence } from "../parts/sentence.js";
import { Answered } from "../parts/states.js";
import { Tree } from "../parts/tree.js";
import { Table } from "../parts/table.js";
import { download } from "../parts/columns.js";
import { ofRun, useRun } from "../runs.js";
import { token, useServer } from "../server.js";
import { at, go, href, param } from "../state.js";
import { count, instant, percent } from "../units.js";

/** @typedef {import("../charter/shapes.js").Document} Document */

const SIGNING = ["Boards", "Amendments"]; // told under "Who signs"

export default function Charter() {
  const chosen = useRun();
  const first = Number(param("after").value ?? 0) || 0;
  const shown = useServer(ofRun(chosen, "/charter"), { query: { at_ms: at.value, after: first || null }, isLive: chosen.isNow });
  return html`<${Answered} of=${chosen.name ? shown : chosen.of} what="the charter">${(/** @type {Document} */ data) => chosen.name && html`<${Shown} data=${data} chosen=${chosen} first=${first} />`}<//>
    <${Filmbar} chosen=${chosen} />`;
}

/** @param {{data: Document, chosen: ReturnType<typeof useRun>, first: number}} props */
function Shown({ data, chosen, first }) {
  const text = useText(data, chosen.name);
  const isTrying = param("try").value === "1";
  return html`
    <${Sentence} detail=${html`In force since ${instant(data.since_ms)} (${data.how}). <code>${data.digest}</code>`}>${data.sentence}<//>
    <div class="tools"><${RunChoice} chosen=${chosen} /></div>
    ${data.pending && html`<${PendingCard} pending=${data.pending} text=${text} />`}
    <h2>Teams</h2>
    <${Floors} data=${data} />
    ${(first > 0 || data.teams.next !== null) && html`<div class="tools">${first > 0 && html`<button type="button" onClick=${() => go({ after: null })}>From the first team</button>`}${data.teams.next !== null && html`<button type="button" onClick=${() => go({ after: data.teams.next })}>More teams</button>`}</div>`}
    <h2>The text</h2>
    <div class="tools"><${Segments} label="Text" value=${isTrying ? "try" : "read"} onChoose=${(/** @type {string} */ value) => go({ try: value === "try" ? 1 : null })} options=${[{ value: "read", name: "Read" }, { value: "try", name: "Try a change" }]} />
      ${text !== null && html`<button type="button" class="push" onClick=${() => download(`charter-${data.revision}.yaml`, text, "text/yaml;charset=utf-8")}>Save</button>`}</div>
    ${text === null ? html`<p class="soft">${data.text_characters === null ? "The text of this charter is not known, only what it means." : "Loading the text …"}</p>` : isTrying ? html`<${Workbench} key=${`${chosen.name} ${data.digest}`} run=${chosen.name} digest=${data.digest} text=${text} isLive=${chosen.isNow} />` : html`<${Source} text=${text} label="The charter's text" />`}
    ${data.gates.length > 0 && html`<h2>Release gates</h2><div class="cards"><${Gates} gates=${data.gates} /></div>`}
    <h2>What it says</h2>
    <div class="cards loose">${data.rules.filter(({ title }) => !SIGNING.includes(title)).map(({ title, sentences }) => html`<${Card} key=${title} title=${title}><${Sentences} lines=${sentences} isPromises=${title === "Promises"} /><//>`)}</div>
    <h2>Who signs</h2>
    ${data.boards.length ? html`<ul class="needs">${data.boards.map((one) => html`<li key=${one.board}><b>${one.board}</b>: any ${count(one.quorum)} of ${one.members.join(", ")}</li>`)}</ul>` : html`<p>This charter names no boards: nobody has to sign a change, and receipts say so.</p>`}
    ${data.boards.length > 0 && data.rules.filter(({ title }) => title === "Amendments").map(({ title, sentences }) => html`<ul key=${title}>${sentences.map((line) => html`<li key=${line}>${line}</li>`)}</ul>`)}
    ${data.signed.length > 0 && html`<p>This charter was signed by ${data.signed.map((one) => `${one.member} (${one.board})`).join(", ")}.</p>`}
    ${data.summary !== null && html`<h2>What changed with it</h2><p>${data.summary}</p><${Changes} entries=${data.changes} />${data.parent_text !== null && text !== null && html`<details><summary>As text</summary><${Difference} before=${data.parent_text} after=${text} label="Lines that changed" /></details>`}`}
    <h2>Charters that were in force</h2>
    <${History} data=${data} />`;
}

/** The text: of the answer, or where it is too long for that from its own address. @param {Document} data @param {string} run */
function useText(data, run) {
  const [found, setFound] = useState(/** @type {{digest: string, text: string} | null} */ (null));
  useEffect(() => {
    if (data.text !== null || data.text_characters === null) return;
    let isMine = true;
    /** @type {Record<string, string>} */
    const headers = token.peek() ? { Authorization: `Bearer ${token.peek()}` } : {};
    fetch(`/api/v1/runs/${encodeURIComponent(run)}/charters/${data.digest}`, { headers, credentials: "omit", redirect: "error" })
      .then((response) => (response.ok ? response.text() : null))
      .then((text) => isMine && text !== null && setFound({ digest: data.digest, text }))
      .catch(() => null);
    return () => void (isMine = false);
  }, [data.digest, run]);
  return data.text ?? (found?.digest === data.digest ? found.text : null);
}

/** @param {{data: Document}} props */
function Floors({ data }) {
  const names = ["path", "floor", "share", ...data.pools.flatMap(({ pool }) => [`floor in ${pool}`, `limit in ${pool}`]), "written"];
  const rows = data.teams.rows.map(([path, , , floors, limits, ppm, written]) => [
    path, floors.reduce((/** @type {number} */ sum, /** @type {number} */ value) => sum + value, 0), ppm,
    ...data.pools.flatMap((_, n) => [floors[n], limits[n]]), [...new Set(written)].join(" / "),
  ]);
  /** @type {import("../parts/columns.js").Column[]} */
  const columns = [
    { name: "floor", title: "Floor", isNumber: true, show: count },
    { name: "share", title: "Of the machine", isNumber: true, show: percent },
    { name: "written", title: "As written" },
    ...data.pools.flatMap(({ pool }) => [`floor in ${pool}`, `limit in ${pool}`].map((name) => ({ name, title: name.slice(0, 1).toUpperCase() + name.slice(1), isNumber: true, show: count }))),
  ];
  return html`<${Tree} name="floors" label="Teams with their floors and limits in devices" data=${{ columns: names, rows }} columns=${columns} link=${(/** @type {string} */ path) => href({ screen: "team", rest: path })} />`;
}

/** Sentences, of which those that are indented explain the one before. @param {{lines: string[], isPromises: boolean}} props */
function Sentences({ lines, isPromises }) {
  /** @type {{head: string, more: string[]}[]} */
  const parts = [];
  for (const line of lines) {
    if (line.startsWith("  ") && parts.length) parts[parts.length - 1].more.push(line.trim());
    else parts.push({ head: line.trim(), more: [] });
  }
  return html`${parts.map(({ head, more }) => html`<p key=${head}>${isPromises ? promised(head) : head}</p>${more.length > 0 && html`<details><summary>More exactly</summary>${more.map((line) => html`<p key=${line} class="soft">${line}</p>`)}</details>`}`)}`;
}

/** A promise's sentence with a link to how it stands. @param {string} line */
function promised(line) {
  const at = line.indexOf(":");
  return html`<a href=${href({ screen: "promises", rest: line.slice(0, at) })}>${line.slice(0, at)}</a>${line.slice(at)}`;
}

/** @param {{pending: NonNullable<Document["pending"]>, text: string | null}} props */
function PendingCard({ pending, text }) {
  return html`<${Card} title=${`Revision ${pending.revision} is proposed`} note=${`Entered on ${instant(pending.entered_ms)}. ${pending.summary}`}>
    <${Changes} entries=${pending.changes} /><h3>Who must sign</h3><${Signers} tallies=${pending.signatures} notice_ms=${pending.notice_ms} force_ms=${pending.force_ms} />
    ${pending.text !== null && text !== null && html`<details><summary>As text</summary><${Difference} before=${text} after=${pending.text} label="Lines that would change" /></details>`}<//>`;
}

/** @param {{data: Document}} props */
function History({ data }) {
  const columns = [
    { name: "at_ms", title: "Since", show: instant },
    { name: "revision", title: "Revision", isNumber: true },
    { name: "how", title: "How" },
    { name: "signed", title: "Signed by" },
    { name: "digest", title: "Name", show: (/** @type {string} */ value) => html`<code title=${value}>${value.slice(0, 19)}…</code>` },
  ];
  const rows = data.history.map((one) => [one.at_ms, one.revision, one.how, one.signed.join(", ") || "nobody", one.digest]);
  return html`<${Table} name="history" label="Charters that were in force" columns=${columns} data=${{ columns: columns.map((one) => one.name), rows }} isPlain />`;
}
