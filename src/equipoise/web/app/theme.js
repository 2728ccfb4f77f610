/** Light and dark: as the address says, else as the system has it; charts ask here for colours, since a canvas knows no CSS. */
import { computed, effect, signal } from "@preact/signals";
import { theme } from "./state.js";

const system = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(system.matches);
system.addEventListener("change", () => (systemIsDark.value = system.matches));

export const isDark = computed(() => (theme.value ?? (systemIsDark.value ? "dark" : "light")) === "dark");

effect(() => {
  if (theme.value) document.documentElement.dataset.theme = theme.value;
  else delete document.documentElement.dataset.theme;
});

/** A colour of the theme by its name, as it is now; reading it inside a component follows changes. @param {string} name */
export function colour(name) {
  void isDark.value;
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** The colour names of teams in their order; teams beyond share the last. */
export const TEAM_COLOURS = ["t0", "t1", "t2", "t3", "t4", "t5", "t6"];

/** @param {number} place Of a team among its siblings. */
export function teamColour(place) {
  return TEAM_COLOURS[place] ?? "other";
}

/** Whether things may move. */
export function mayMove() {
  return !matchMedia("(prefers-reduced-motion: reduce)").matches;
}
