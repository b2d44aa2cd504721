import { h } from "./element.js";
import { Splitter } from "./splitter.js";

/** With less room than this the panes are seen one at a time. */
const ROOMY = "(min-width: 64rem) and (min-height: 30rem)";
const WIDE = "(min-width: 100rem)"; // statement and picture side by side

/**
 * Percent of the first pane of a group in a column. Before the first run there is a statement to read and
 * code to write; after it there are four things to look at together.
 */
const SHARES = { reading: { before: 68, after: 49 }, writing: { before: 68, after: 49 } };

const PANES = {
  statement: "Problem",
  code: "Code",
  picture: "Picture",
  verdict: "Verdict",
};

/**
 * The four panes of a problem on one screen: statement and picture, code and verdict, with bars between
 * them, which stand elsewhere before the first run than after it. On a small screen one at a time, chosen in a dock at the bottom, which then has the buttons to
 * run and stop too.
 */
export class Workshop {
  #places;
  #buttons;
  #home;
  #dock = h("div", { class: "dock-run" });
  #splitters = [];
  #roomy = matchMedia(ROOMY);
  #wide = matchMedia(WIDE);
  #ran;
  #fit = () => this.#fitted();

  /**
   * `panes` are elements by the names above; `buttons` run and stop, and stand in `home` where there
   * is room; `ran` is whether the problem has been run.
   */
  constructor(main, panes, { store, buttons, home, ran }) {
    this.#buttons = buttons;
    this.#home = home;
    this.#ran = ran;
    const group = (name, label, first, second, row, inRow) => {
      const element = h("div", { class: `group ${name}` });
      const stands = () => {
        if (inRow()) return { direction: "row", usual: row(), kept: `${name}/row` };
        const { before = 50, after = 50 } = SHARES[name] ?? {};
        return this.#ran
          ? { direction: "column", usual: after, kept: `${name}/column` }
          : { direction: "column", usual: before, kept: `${name}/column/before` };
      };
      const splitter = new Splitter(element, { label, stands, store });
      element.append(first, splitter.element, second);
      this.#splitters.push(splitter);
      return element;
    };
    const left = group(
      "reading",
      "Size of the problem's pane",
      panes.statement,
      panes.picture,
      () => 42,
      () => this.#roomy.matches && this.#wide.matches,
    );
    const right = group(
      "writing",
      "Size of the code's pane",
      panes.code,
      panes.verdict,
      () => 50,
      () => false,
    );
    const whole = group(
      "workshop",
      "Size of the left panes",
      left,
      right,
      () => (this.#wide.matches ? 62 : 50),
      () => this.#roomy.matches,
    );
    this.#places = Object.entries(PANES).map(([name, title]) => {
      const press = () => this.show(name);
      const button = h("button", { type: "button", class: "place", on: { click: press } }, title);
      return { name, button, pane: panes[name] };
    });
    const nav = h(
      "nav",
      { class: "places", "aria-label": "Panes" },
      this.#places.map(({ button }) => button),
    );
    main.append(whole, h("div", { class: "dock" }, nav, this.#dock));
    this.show("statement");
    for (const list of [this.#roomy, this.#wide]) list.addEventListener("change", this.#fit);
    this.#fitted();
  }

  /** Whether all panes are seen at once. */
  get roomy() {
    return this.#roomy.matches;
  }

  /** On a small screen, this pane. */
  show(name) {
    for (const place of this.#places) {
      place.button.setAttribute("aria-pressed", String(place.name === name));
      place.pane.classList.toggle("chosen", place.name === name);
    }
  }

  /** The problem has been run. */
  ran() {
    if (this.#ran) return;
    this.#ran = true;
    for (const splitter of this.#splitters) splitter.place();
  }

  destroy() {
    for (const list of [this.#roomy, this.#wide]) list.removeEventListener("change", this.#fit);
  }

  #fitted() {
    (this.#roomy.matches ? this.#home : this.#dock).prepend(this.#buttons);
    for (const splitter of this.#splitters) splitter.place();
  }
}

/** A pane with a head; `kind` is a class of the style sheet. */
export function pane(kind, label, head, ...content) {
  return h(
    "section",
    { class: `pane ${kind}`, "aria-label": label },
    h("div", { class: "pane-head" }, head),
    content,
  );
}
