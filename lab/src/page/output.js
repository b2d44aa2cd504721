import { h } from "./element.js";

/** What the learner's code prints. */
export class Output {
  #text = h("pre", { class: "scrolls" });
  #dropped = h("span", { class: "quiet" });
  #nothing = h("p", { class: "quiet" }, "What your code prints stands here.");

  constructor() {
    this.element = h("div", { class: "output" }, this.#nothing, this.#text);
    this.clear();
  }

  clear() {
    this.#nothing.hidden = false;
    this.#text.hidden = true;
    this.#text.replaceChildren();
  }

  /** `text` is new; `dropped` is how many characters were left out after it. */
  add({ text, dropped }) {
    this.#nothing.hidden = true;
    this.#text.hidden = false;
    this.#text.append(text);
    if (dropped) {
      this.#dropped.textContent = `\n… and ${dropped.toLocaleString("en")} characters more`;
      this.#text.append(this.#dropped);
    }
  }
}
