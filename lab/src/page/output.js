import { h } from "./element.js";

/** What the learner's code prints; hidden while it prints nothing. */
export class Output {
  #text = h("pre", { class: "scrolls" });
  #dropped = h("span", { class: "quiet" });

  constructor() {
    this.element = h("section", { class: "output", hidden: true }, h("h3", {}, "Printed"), this.#text);
  }

  clear() {
    this.element.hidden = true;
    this.#text.replaceChildren();
  }

  /** `text` is new; `dropped` is how many characters were left out after it. */
  add({ text, dropped }) {
    this.element.hidden = false;
    this.#text.append(text);
    if (dropped) {
      this.#dropped.textContent = `\n… and ${dropped.toLocaleString("en")} characters more`;
      this.#text.append(this.#dropped);
    }
  }
}
