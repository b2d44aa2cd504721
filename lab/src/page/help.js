import { built, h } from "./element.js";

const LEVELS = ["A hint", "A stronger hint", "Nearly the answer"];

/** Three hints, the solution, and typical wrong answers. `put(code, said)` puts code into the editor. */
export function help({ hints, solution, wrong_answers: wrong }, put) {
  const button = (words, code, said, kind = null) =>
    h("button", { type: "button", class: kind, on: { click: () => put(code, said) } }, words);
  return h(
    "section",
    { class: "help", "aria-label": "Help" },
    hints.map((hint, level) => h("details", {}, h("summary", {}, LEVELS[level]), built(hint))),
    h(
      "details",
      {},
      h("summary", {}, "The solution"),
      h("pre", { class: "scrolls" }, solution),
      button("Put it into the editor", solution, "The solution is in the editor."),
    ),
    h(
      "details",
      { class: "mistakes" },
      h("summary", {}, "Typical wrong answers"),
      h("p", {}, "Put one into the editor, and see whether you find it before the tests do."),
      h(
        "ul",
        { class: "row" },
        wrong.map(({ cause, name = cause, code }) =>
          h("li", {}, button(name, code, `${name} is in the editor.`, "plain")),
        ),
      ),
      h("p", { class: "quiet" }, "Undo brings your own code back."),
    ),
  );
}
