/** Of many rows of one height, those that can be seen: a million rows cost what fifty do. */
import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";

const ALL = 150; // so many rows are simply all there, for find-in-page and for print
const AROUND = 10;

/**
 * @param {number} count Of rows.
 * @param {number} [row_px] Their height; the style sheet's --row.
 * @returns {{room: import("preact").RefObject<HTMLDivElement | null>, from: number, to: number, above_px: number, below_px: number, show: (row: number) => void}}
 *   `room` scrolls; rows `from` to before `to` are to be there, with so much space above and below.
 */
export function useWindow(count, row_px = 32) {
  const room = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [seen, see] = useState({ top: 0, height: 720 });
  const isAll = count <= ALL;
  useLayoutEffect(() => {
    const element = room.current;
    if (!element || isAll) return;
    let frame = 0;
    const look = () => {
      frame = 0;
      see((old) => (old.top === element.scrollTop && old.height === element.clientHeight ? old : { top: element.scrollTop, height: element.clientHeight }));
    };
    const soon = () => void (frame ||= requestAnimationFrame(look));
    const watch = new ResizeObserver(soon);
    element.addEventListener("scroll", soon, { passive: true });
    watch.observe(element);
    return () => {
      element.removeEventListener("scroll", soon);
      watch.disconnect();
      cancelAnimationFrame(frame);
    };
  }, [isAll]);
  const from = isAll ? 0 : Math.max(0, Math.min(count, Math.floor(seen.top / row_px)) - AROUND);
  const to = isAll ? count : Math.min(count, Math.ceil((seen.top + seen.height) / row_px) + AROUND);
  const show = useCallback((/** @type {number} */ row) => {
    const element = room.current;
    if (!element) return;
    const head = element.querySelector("thead")?.offsetHeight ?? 0;
    const top = row * row_px;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + row_px + head > element.scrollTop + element.clientHeight) element.scrollTop = top + row_px + head - element.clientHeight;
    if (!isAll) see({ top: element.scrollTop, height: element.clientHeight });
  }, [row_px, isAll]);
  return { room, from, to, above_px: from * row_px, below_px: (count - to) * row_px, show };
}
