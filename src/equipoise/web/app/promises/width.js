/** How wide a thing is on the page, as it changes. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** @param {number} first Until it is known. @returns {[import("preact").RefObject<any>, number]} */
export function useWidth(first) {
  const room = useRef(/** @type {any} */ (null));
  const [width, setWidth] = useState(first);
  useLayoutEffect(() => {
    const element = /** @type {Element} */ (room.current);
    const watch = new ResizeObserver(([entry]) => setWidth(Math.max(120, Math.round(entry.contentRect.width))));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  return [room, width];
}
