import { html } from "htm/preact";
import { Empty } from "../parts/states.js";
export default function Teams() {
  return html`<${Empty} title="Teams" hint="Floors, entitlements, what is held, borrowed and lent." />`;
}
