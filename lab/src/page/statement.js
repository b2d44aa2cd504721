import { built, h } from "./element.js";

/** What is to be written, and its examples. Where the title is not seen above, it stands at the head. */
export function statement({ number, title, statement: text, examples }) {
  const head = h("h2", { class: "title" }, h("span", { class: "number" }, number), " ", title);
  return {
    task: h("article", { class: "statement" }, head, built(text)),
    examples: h("article", { class: "statement" }, built(examples)),
  };
}
