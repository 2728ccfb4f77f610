import { html } from "htm/preact";
import { Empty } from "../parts/states.js";
export default function Outlook() {
  return html`<${Empty} title="Outlook" hint="What may come." />`;
}
