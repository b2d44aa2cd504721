import { built, h } from "./element.js";

/** What is to be written: at its head, always to be seen, the title and the formulas. */
export function statement({ number, title, statement: text, formulas }) {
  const brief = h(
    "header",
    { class: "brief" },
    h("h2", {}, h("span", { class: "number" }, number), " ", title),
    h("div", { class: "formulas scrolls", role: "group", "aria-label": "The formulas" }),
  );
  brief.lastElementChild.append(
    ...formulas.map((formula) => h("div", { class: "formula-line" }, built(formula))),
  );
  return { brief, article: h("article", { class: "statement" }, built(text)) };
}
