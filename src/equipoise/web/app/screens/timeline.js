import { html } from "htm/preact";
import { Empty } from "../parts/states.js";
export default function Timeline() {
  return html`<${Empty} title="Timeline" hint="Every job over time." />`;
}
