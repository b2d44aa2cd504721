import { h } from "./element.js";
import { shown } from "./finding.js";
import { groupOf } from "./outcome.js";

/**
 * The list of tests: each an item whose text begins with its state, "not run", "passed", "failed", or
 * "advice" for what is no mistake.
 */
export class TestList {
  #items = new Map();
  #list = h("ol", { class: "tests", "aria-label": "Tests" });

  constructor(parent) {
    parent.append(this.#list);
  }

  /** The tests by their ids, none of them run yet. */
  show(tests) {
    this.#items.clear();
    let group = "";
    for (const [id, name] of Object.entries(tests)) {
      // Of several functions each has questions of its own.
      const begins = groupOf(id) === "own" ? "own" : id.split("/")[0];
      const kind = begins === "own" ? "own" : "checker";
      const item = h("li", { class: begins === group ? null : `begins begins-${kind}` });
      group = begins;
      this.#items.set(id, { item, name, shown: null });
      this.tell(id, { state: "not run", detail: "" });
    }
    this.#list.replaceChildren(...Array.from(this.#items.values(), ({ item }) => item));
  }

  /** Of a test that ran: its state, its time, and what there is to show of a failure. */
  tell(id, event) {
    const entry = this.#items.get(id);
    if (!entry || entry.shown === event) return;
    entry.shown = event;
    const { item, name } = entry;
    item.dataset.state = event.state;
    const time =
      event.seconds === undefined || event.state === "not run" ? null : milliseconds(event.seconds);
    const parts = [
      h("span", { class: "state" }, event.state),
      " ",
      h("span", { class: "name" }, name),
      time && h("span", { class: "time" }, ` ${time}`),
    ];
    if (event.detail) parts.push(h("p", { class: "detail" }, event.detail));
    const more = event.state === "failed" ? shown(event) : [];
    if (more.length) parts.push(h("details", {}, h("summary", {}, "Show the arrays"), more));
    item.replaceChildren(...parts.filter(Boolean));
  }
}

function milliseconds(seconds) {
  const value = seconds * 1000;
  return value < 1 ? "< 1 ms" : `${Math.round(value)} ms`;
}
