/** One row of a table or tree has the focus, and keys move it: arrows, Page Up and Down, Home, End; Enter opens. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";

const PAGE = 15;

/**
 * @param {{count: number, keyAt: (place: number) => any, view: {room: import("preact").RefObject<HTMLElement | null>, from: number, to: number, show: (row: number) => void},
 *   open?: (place: number) => void, also?: (key: string, place: number) => number | null}} of
 *   `also` handles further keys: returns the place to go to, or null where the key is none of its.
 * @returns {{isActive: (place: number) => boolean, onKeyDown: (event: KeyboardEvent) => void, onFocusIn: (event: FocusEvent) => void}}
 */
export function useRowKeys({ count, keyAt, view, open, also }) {
  const [active, setActive] = useState(/** @type {{place: number, key: any}} */ ({ place: 0, key: undefined }));
  const wants = useRef(false);
  const place = placeOf(active, count, keyAt);
  const reached = place < view.from || place >= view.to ? view.from : place; // Tab comes to a row that is there
  useLayoutEffect(() => {
    if (!wants.current) return;
    wants.current = false;
    const row = /** @type {HTMLElement | null | undefined} */ (view.room.current?.querySelector(`tr[data-row="${place}"]`));
    row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
  });
  /** @param {number} to */
  function move(to) {
    const next = Math.max(0, Math.min(count - 1, to));
    wants.current = true;
    view.show(next);
    setActive({ place: next, key: keyAt(next) });
  }
  /** @param {KeyboardEvent} event */
  function onKeyDown(event) {
    const row = event.target instanceof HTMLElement && event.target.matches("tr[data-row]") ? event.target : null;
    if (!row || !count || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = Number(row.dataset.row);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + PAGE, PageUp: at - PAGE, Home: 0, End: count - 1 }[event.key] ?? also?.(event.key, at);
    if (to !== undefined && to !== null) move(to);
    else if (event.key === "Enter" || (event.key === " " && open)) enter(row, at);
    else return;
    event.preventDefault();
  }
  /** @param {HTMLElement} row @param {number} at */
  function enter(row, at) {
    if (open) open(at);
    else row.querySelector("a")?.click();
  }
  /** @param {FocusEvent} event */
  function onFocusIn(event) {
    const row = event.target instanceof HTMLElement ? event.target.closest("tr[data-row]") : null;
    if (!(row instanceof HTMLElement)) return;
    const at = Number(row.dataset.row);
    if (at !== place) setActive({ place: at, key: keyAt(at) });
  }
  return { isActive: (at) => at === reached, onKeyDown, onFocusIn };
}

/** Where the active row is now: rows may have come before it. @param {{place: number, key: any}} active @param {number} count @param {(place: number) => any} keyAt */
function placeOf({ place, key }, count, keyAt) {
  if (place < count && (key === undefined || keyAt(place) === key)) return place;
  for (let n = 0; n < count; n++) if (keyAt(n) === key) return n;
  return Math.max(0, Math.min(place, count - 1));
}
