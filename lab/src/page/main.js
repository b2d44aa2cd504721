import boot from "dxdw:boot";
import catalogue from "dxdw:catalogue";
import { Python } from "../python/client.js";
import { TrainingPage } from "../train/index.js";
import { liveRegion } from "./announce.js";
import { glyph, h, spoken } from "./element.js";
import { ProblemPage } from "./problem.js";
import { parsed } from "./share.js";
import { Store } from "./store.js";
import "../style/page.css";

const DIGITS = "digits";
const FONTS = ["Source Serif 4", "Source Sans 3", "Source Code Pro", "STIX Two Math"];
const FONTS_MS = 400; // of waiting, so that nothing moves when they come; then without
const FIRST = "05";
const UNSEEN_MS = 500;
const WORDS = {
  loading: "Python is loading",
  ready: "Python is ready",
  running: "Python is running",
  failed: "Python could not be started",
};

const store = new Store();
const python = new Python();
const problems = new Map(catalogue.problems.map((problem) => [problem.number, problem]));

const main = h("main", { id: "main", tabindex: "-1" });
const links = h("ol", {});
const state = h("p", { class: "python" });
const skip = h("a", { class: "skip", on: { click: skipped } });
document.body.append(
  skip,
  h(
    "header",
    { class: "bar" },
    h("p", { class: "brand" }, "dxdw ", h("span", {}, "lab")),
    h("nav", { "aria-label": "Problems" }, links),
    state,
  ),
  main,
);
const announce = liveRegion(document.body);

const trials = new Map(); // of each problem the latest run
let training = null; // the page of digits: the network that it trained is kept, as long as Python is
let shown = null; // { place, page }
let unnamed = null; // what an address without a place shows, so that Back finds it again

function skipped(event) {
  event.preventDefault();
  if (shown.page.toEditor) shown.page.toEditor();
  else main.focus();
}

function showSkip() {
  const [to, words] = shown.page.toEditor
    ? ["#editor", "Skip to the editor"]
    : ["#main", "Skip to the training"];
  skip.href = to;
  skip.textContent = words;
}

function link(place, number, title) {
  const here = shown?.place === place;
  const solved = store.get("solved", []).includes(place);
  return h(
    "li",
    {},
    h(
      "a",
      { href: `#${place}`, "aria-current": here ? "page" : null },
      h("span", { class: "no" }, number),
      h("span", { class: "title" }, title),
      solved ? [glyph("✓"), spoken(", solved")] : null,
    ),
  );
}

function showLinks() {
  links.replaceChildren(
    ...catalogue.problems.map(({ number, title }) => link(number, number, title)),
    link(DIGITS, "→", "Train on digits"),
  );
}

function solved(number) {
  const before = store.get("solved", []);
  if (!before.includes(number)) store.set("solved", [...before, number].sort());
  showLinks();
}

/** Where to go once a problem is solved: to the next one, and after the gradients to training with them. */
function next(number) {
  const place = catalogue.problems.findIndex((problem) => problem.number === number);
  const following = catalogue.problems[place + 1];
  const train = { place: DIGITS, words: "Train on real digits" };
  const on = following && { place: following.number, words: `On to ${following.number}: ${following.title}` };
  return (number === FIRST ? [train, on] : [on, train]).filter(Boolean).slice(0, number < FIRST ? 1 : 2);
}

function digits() {
  training ??= new TrainingPage({ python, store, announce });
  training.show(main);
  return training;
}

function problemPage(number) {
  return new ProblemPage(main, problems.get(number), { python, store, announce, trials, solved, next });
}

async function show() {
  const { place, code } = await parsed(location.hash);
  const known = problems.has(place) || place === DIGITS;
  if (!known) unnamed ??= store.get("place", FIRST);
  const wanted = known ? place : unnamed;
  if (shown?.place !== wanted) {
    const first = shown === null;
    shown?.page.leave();
    main.replaceChildren();
    main.className = wanted === DIGITS ? "digits" : "problem";
    document.body.dataset.view = main.className;
    shown = { place: wanted };
    shown.page = wanted === DIGITS ? digits() : problemPage(wanted);
    store.set("place", wanted);
    const title = problems.get(wanted)?.title ?? "Train on digits";
    document.title = `${title} · dxdw lab`;
    showLinks();
    showSkip();
    if (!first) {
      main.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
  }
  if (code !== null && place === wanted) {
    shown.page.offer?.(code);
    history.replaceState(null, "", `#${wanted}`);
  }
}

function showState() {
  state.dataset.state = python.state;
  state.replaceChildren(WORDS[python.state]);
}

python.watch(showState);
showState();
addEventListener("hashchange", show);
addEventListener("keydown", (event) => {
  if (event.key === "Escape") python.stop();
});
await Promise.race([
  Promise.all(FONTS.map((name) => document.fonts.load(`1em "${name}"`))),
  new Promise((resolve) => setTimeout(resolve, FONTS_MS)),
]);
await show();
performance.mark("usable");
// After the page is there to read: on one core, Python would take its time. A page that nobody sees
// is not drawn, and begins all the same.
await Promise.race([
  new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))),
  new Promise((resolve) => setTimeout(resolve, UNSEEN_MS)),
]);
python.start(boot());
globalThis.dxdw = { python }; // for the browser's console, and the tests
python.ready.then(() => announce(WORDS.ready));
