import { html } from "htm/preact";
import { Empty } from "../parts/states.js";
export default function Team() {
  return html`<${Empty} title="Team" hint="A team's waits, reclaims and queue." />`;
}
