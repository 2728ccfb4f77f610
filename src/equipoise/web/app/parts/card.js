/** A card: one thing with its figure, and what else is to be said of it. */
import { html } from "htm/preact";

/** @typedef {import("preact").ComponentChildren} Children */
/** @param {{title: Children, figure?: Children, note?: Children, tools?: Children, children?: Children}} props */
export function Card({ title, figure, note, tools, children }) {
  return html`<section class="card">
    <header><h2>${title}</h2>${tools}</header>
    ${figure !== undefined && html`<p class="figure">${figure}</p>`}
    ${note && html`<p class="soft">${note}</p>`}${children}
  </section>`;
}
