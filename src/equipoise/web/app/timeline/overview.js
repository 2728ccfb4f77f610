/** The whole run in a strip, with the span that is looked at as a window that is dragged. */
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { html } from "htm/preact";
import { useServer } from "../server.js";
import { isDark } from "../theme.js";
import { images } from "./paint.js";
import { shades, table } from "./palette.js";
import { usePicture } from "./planes.js";
import { look } from "./span.js";

/** @typedef {import("./span.js").Span} Span */
const WIDTH = 700;
const HEIGHT = 44;

/** @param {{run: string, pool: string, span: Span, whole: Span}} props */
export function Overview({ run, pool, span, whole }) {
  const answer = useServer(`/runs/${encodeURIComponent(run)}/raster`, { query: { pool, from_ms: whole[0], to_ms: whole[1], width: WIDTH, height: HEIGHT, waiting_height: 1 } });
  const picture = usePicture(/** @type {any} */ (answer.data));
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const found = useMemo(() => picture && images(picture, table(picture.of, shades(picture.of.teams), () => true)), [picture, isDark.value]);
  useLayoutEffect(() => {
    if (found) canvas.current?.getContext("2d")?.drawImage(found.stack, 0, 0);
  }, [found]);
  const part = (/** @type {number} */ at_ms) => `${Math.max(0, Math.min(100, (100 * (at_ms - whole[0])) / (whole[1] - whole[0])))}%`;
  /** @param {PointerEvent} event */
  function dragged(event) {
    if (event.type === "pointerdown") /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
    else if (!(event.buttons & 1)) return;
    const { left, width } = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    const middle = whole[0] + ((event.clientX - left) / width) * (whole[1] - whole[0]);
    const half = (span[1] - span[0]) / 2;
    look([middle - half, middle + half], whole);
  }
  return html`<div class="overview" aria-hidden="true" onPointerDown=${dragged} onPointerMove=${dragged}>
    <canvas ref=${canvas} width=${WIDTH} height=${HEIGHT}></canvas>
    <div class="shade" style=${{ left: "0", width: part(span[0]) }}></div>
    <div class="shade" style=${{ left: part(span[1]), right: "0" }}></div>
    <div class="pane" style=${{ left: part(span[0]), width: `calc(${part(span[1])} - ${part(span[0])})` }}></div>
  </div>`;
}
