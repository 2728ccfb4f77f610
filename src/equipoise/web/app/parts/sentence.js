/** The answer that a screen begins with: one sentence, and perhaps what stands behind it. */
import { html } from "htm/preact";

/** @param {{children: import("preact").ComponentChildren, detail?: import("preact").ComponentChildren}} props Emphasis: `<b>`, and `<b class="bad">`. */
export function Sentence({ children, detail }) {
  return html`<div class="answer"><h1>${children}</h1>${detail && html`<p>${detail}</p>`}</div>`;
}
