/** The shell: what is around every screen (names of screens, trouble, login), and the router that loads a screen when it is wanted. */
import { signal, effect } from "@preact/signals";
import { html, render } from "htm/preact";
import { Login } from "./parts/login.js";
import { Notice } from "./parts/notice.js";
import { Preferences } from "./parts/preferences.js";
import { Empty, Loading, Trouble } from "./parts/states.js";
import { ask, asksForToken, epoch, follow, gone, token } from "./server.js";
import { href, run, screen } from "./state.js";
import "./theme.js";

/** @type {{screen: import("./state.js").ScreenName, of: import("./state.js").ScreenName[], name: string}[]} */
const SCREENS = [
  { screen: "now", of: ["now", "job"], name: "Now" },
  { screen: "teams", of: ["teams", "team"], name: "Teams" },
  { screen: "timeline", of: ["timeline"], name: "Timeline" },
  { screen: "promises", of: ["promises"], name: "Promises" },
  { screen: "charter", of: ["charter"], name: "Charter" },
  { screen: "outlook", of: ["outlook"], name: "Outlook" },
];

/** @typedef {import("preact").FunctionComponent<{}>} ScreenPart */
/** Screens that are here, by name; a string says why one is not. @type {import("@preact/signals").Signal<Record<string, ScreenPart | string>>} */
const loaded = signal({});

let failures = 0;
effect(() => {
  const name = screen.value;
  void epoch.value; // what could not be loaded while the server was gone is loaded once it is asked again
  if (name === null || typeof loaded.peek()[name] === "function") return;
  // A browser may remember that a module could not be had; under another address it looks again.
  import(`./screens/${name}.js${failures ? `?again=${failures}` : ""}`).then(
    (module) => (loaded.value = { ...loaded.peek(), [name]: module.default }),
    () => {
      failures++;
      loaded.value = { ...loaded.peek(), [name]: "This screen could not be loaded." };
      void ask("/health"); // is the server there? If not, it is asked again, and so is this
    },
  );
});
effect(() => {
  const of = SCREENS.find((one) => screen.value !== null && one.of.includes(screen.value));
  document.title = of ? `${of.name} · Equipoise` : "Equipoise";
});
effect(() => {
  void token.value; // another reader, another stream
  return (run.value ?? "live") === "live" && !asksForToken.value ? follow() : undefined;
});

function Shell() {
  return html`
    <a class="skip" href="#content">To the content</a>
    <header class="top">
      <a class="mark" href=${href({ screen: "now" })}>Equipoise</a>
      <nav aria-label="Screens">
        ${SCREENS.map(
          (one) => html`<a key=${one.screen} href=${href({ screen: one.screen })} aria-current=${screen.value !== null && one.of.includes(screen.value) ? "page" : undefined}>${one.name}</a>`,
        )}
      </nav>
      <${Preferences} />
    </header>
    <${Notice} />
    <${Login} />
    <main id="content" tabindex="-1"><${Current} /></main>
  `;
}

function Current() {
  const name = screen.value;
  if (name === null) {
    return html`<${Empty} title="There is no such page." hint=${html`Begin at <a href=${href({ screen: "now" })}>Now</a>.`} />`;
  }
  const part = loaded.value[name];
  if (part === undefined) return html`<${Loading} what="the screen" />`;
  if (typeof part === "string") return html`<${Trouble} sentence=${part} hint=${gone.value ? "The server does not answer. The screen is loaded once it does." :"Reload the page; if that does not help, the server's version has changed."} />`;
  return html`<${part} key=${name} />`;
}

render(html`<${Shell} />`, /** @type {HTMLElement} */ (document.getElementById("screen")));
