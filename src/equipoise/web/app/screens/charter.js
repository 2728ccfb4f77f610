import { html } from "htm/preact";
import { Empty } from "../parts/states.js";
export default function Charter() {
  return html`<${Empty} title="Charter" hint="The document and its amendments." />`;
}
