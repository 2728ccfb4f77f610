import { html } from "htm/preact";
import { Empty } from "../parts/states.js";
export default function Now() {
  return html`<${Empty} title="Now" hint="How everything stands at the moment." />`;
}
