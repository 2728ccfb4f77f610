/** The charter as it is written, with numbered lines; what changed in it, in sentences and as text. */
import { html } from "htm/preact";
import { difference } from "./diff.js";

/** @param {{text: string, label: string}} props */
export function Source({ text, label }) {
  const lines = text.replace(/\n$/, "").split("\n");
  return html`<div class="source" tabindex="0" role="group" aria-label=${label}><ol>${lines.map((line, n) => html`<li key=${n} id=${`line-${n + 1}`}>${line || " "}</li>`)}</ol></div>`;
}

const SIGNS = /** @type {Record<string, string>} */ ({ added: "+", removed: "−", same: " ", skipped: " " });

/** @param {{before: string, after: string, label: string}} props */
export function Difference({ before, after, label }) {
  const lines = difference(before, after);
  if (!lines.length) return html`<p class="soft">The texts are the same.</p>`;
  return html`<div class="diff" tabindex="0" role="group" aria-label=${label}><ol>${lines.map((one, n) => html`<li key=${n} class=${one.kind}><span aria-hidden="true">${SIGNS[one.kind]} </span>${one.kind === "added" || one.kind === "removed" ? html`<span class="hidden">${one.kind}: </span>` : ""}${one.text}</li>`)}</ol></div>`;
}

const MARKS = /** @type {Record<string, string>} */ ({ add: "+", change: "~", remove: "−" });

/** Changes as people read them. @param {{entries: import("./shapes.js").Entry[]}} props */
export function Changes({ entries }) {
  return html`<ul class="changes">${entries.map((one) => html`<li key=${one.title}><span class="change-mark" aria-hidden="true">${MARKS[one.mark] ?? one.mark}</span> <b>${one.title}</b>
    ${one.sentences.length > 0 && html`<ul>${one.sentences.map((line) => html`<li key=${line}>${line}</li>`)}</ul>`}</li>`)}</ul>`;
}

/** Entries as `equipoise plan` writes them: a sign and a title, sentences below. @param {string[]} texts @returns {import("./shapes.js").Entry[]} */
export function entriesOf(texts) {
  const marks = /** @type {Record<string, string>} */ ({ "+": "add", "~": "change", "-": "remove" });
  return texts.map((text) => {
    const [head, ...sentences] = text.split("\n");
    return { mark: marks[head[0]] ?? head[0], title: head.slice(2), sentences: sentences.map((line) => line.trim()) };
  });
}
