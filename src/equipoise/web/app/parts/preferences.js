/** Theme, time zone and leaving, on the right of the top. */
import { html } from "htm/preact";
import { token, useToken } from "../server.js";
import { go, tz } from "../state.js";
import { isDark } from "../theme.js";

const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const OFFERED = ["UTC", "America/Los_Angeles", "America/New_York", "Europe/London", "Europe/Berlin", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo"];

export function Preferences() {
  const zones = [...new Set([HERE, tz.value, ...OFFERED])];
  return html`<div class="preferences">
    <label class="quiet"><span class="hidden">Time zone</span>
      <select name="tz" value=${tz.value} onChange=${(/** @type {Event} */ event) => go({ tz: /** @type {HTMLSelectElement} */ (event.currentTarget).value })}>
        ${zones.map((zone) => html`<option key=${zone} value=${zone} selected=${zone === tz.value}>${zone.replaceAll("_", " ")}</option>`)}
      </select>
    </label>
    <button type="button" class="quiet" onClick=${() => go({ theme: isDark.value ? "light" : "dark" })}>${isDark.value ? "Light" : "Dark"}</button>
    ${token.value && html`<button type="button" class="quiet" onClick=${() => useToken("")}>Forget token</button>`}
  </div>`;
}
