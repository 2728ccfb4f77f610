/** What a screen shows when it has nothing to show: it is loading, there is nothing, or something is wrong; each says what to do. */
import { html } from "htm/preact";
import { clock } from "../units.js";

/** @typedef {import("preact").ComponentChildren} Children */

/** Nothing is there, which may be right. @param {{title: string, hint?: Children, isPart?: boolean, children?: Children}} props `isPart`: of a screen that shows more. */
export function Empty({ title, hint, isPart, children }) {
  return html`<section class="state empty"><${isPart ? "h2" : "h1"}>${title}<//>${hint && html`<p>${hint}</p>`}${children}</section>`;
}

/** @param {{what: string}} props */
export function Loading({ what }) {
  return html`<p class="state loading" role="status">Loading ${what} …</p>`;
}

/** Something is wrong. @param {{sentence: string, hint?: Children, code?: string, isPart?: boolean, children?: Children}} props */
export function Trouble({ sentence, hint, code, isPart, children }) {
  return html`<section class="state trouble" role="alert">
    <${isPart ? "h2" : "h1"}>${capital(sentence)}<//>
    ${hint && html`<p>${typeof hint === "string" ? capital(hint) : hint}</p>`}${code && html`<p class="soft">Code <code>${code}</code></p>`}${children}
  </section>`;
}

/**
 * Frames what a screen shows of an answer: loading and trouble while there is nothing, else the content, and above it a line where
 * it is old. @template T
 * @param {{of: import("../server.js").Shown<T>, what: string, isPart?: boolean, children: (data: T) => Children}} props
 */
export function Answered({ of, what, isPart, children }) {
  const { data, problem, staleSince_ms } = of;
  if (data === null) {
    if (!problem) return html`<${Loading} what=${what} />`;
    return html`<${Trouble} sentence=${problem.sentence} hint=${problem.hint} code=${problem.kind === "problem" ? problem.code : ""} isPart=${isPart} />`;
  }
  return html`${staleSince_ms !== null && problem && html`<p class="stale" role="status">Shown as of ${clock(staleSince_ms)}: ${problem.sentence} ${problem.hint}</p>`}
    <div class=${staleSince_ms === null ? "" : "is-stale"}>${children(data)}</div>`;
}

/** Sentences come as the command line prints them, after a code. @param {string} text */
function capital(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
