/** Which colour is which team; a press shows only the teams that were pressed. */
import { html } from "htm/preact";
import { go, param } from "../state.js";
import { isDark } from "../theme.js";
import { shades, top } from "./palette.js";

/** @param {{teams: string[]}} props */
export function Key({ teams }) {
  void isDark.value;
  const only = param("only").value;
  const chosen = only ? only.split(",") : [];
  /** @param {string} team */
  function turn(team) {
    const next = chosen.includes(team) ? chosen.filter((one) => one !== team) : [...chosen, team];
    go({ only: next.join(",") || null });
  }
  return html`<div class="key" role="group" aria-label="Show only these teams">
    ${shades(teams).map(({ name, css }) => html`<button key=${name} type="button" aria-pressed=${String(chosen.includes(name))} onClick=${() => turn(name)}>
      <i class="patch" style=${{ background: css }}></i>${top(name) === name ? name : html`<span class="soft">${top(name)}.</span>${name.slice(top(name).length + 1)}`}</button>`)}
    ${only && html`<button type="button" class="quiet" onClick=${() => go({ only: null })}>All teams</button>`}
  </div>`;
}
