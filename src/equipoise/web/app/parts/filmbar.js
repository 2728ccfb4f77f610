/** What a film is steered by: which run, and its bar of time; nothing for what is live. */
import { html } from "htm/preact";
import { go } from "../state.js";
import { Segments } from "./choice.js";
import { Timebar } from "./timebar.js";

/** Of one film several runs can be looked at. @param {{chosen: import("../runs.js").Chosen}} props */
export function RunChoice({ chosen: { all, name } }) {
  if (all.length < 2) return null;
  return html`<${Segments} label="Run" value=${name} options=${all.map((one) => ({ value: one.run, name: one.title }))} onChoose=${(/** @type {string} */ value) => go({ run: value })} />`;
}

/** @param {{chosen: import("../runs.js").Chosen}} props */
export function Filmbar({ chosen: { known } }) {
  return known && !known.live ? html`<${Timebar} from_ms=${known.from_ms} to_ms=${known.to_ms} />` : null;
}
