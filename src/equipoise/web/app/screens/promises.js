import { html } from "htm/preact";
import { Empty } from "../parts/states.js";
export default function Promises() {
  return html`<${Empty} title="Promises" hint="Pace, forecast and evidence." />`;
}
