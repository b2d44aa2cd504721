import { glyph, h } from "./element.js";

/** Under the editor: Run and Stop, and what is done with the code as a text. */
export class Toolbar {
  #run;
  #stop;
  #share;

  /** `does` holds what each button does: run, stop, share, download, startOver. */
  constructor(does) {
    const button = (kind, words, listener) =>
      h("button", { type: "button", class: kind, on: { click: listener } }, words);
    this.#run = button("run", [glyph("▶"), " Run tests"], () => {
      if (this.#run.getAttribute("aria-disabled") !== "true") does.run();
    });
    this.#stop = button("stop", [glyph("■"), " Stop"], does.stop);
    this.#share = button("plain", "Copy a link", does.share);
    const more = [
      this.#share,
      button("plain", "Download", does.download),
      button("plain", "Start over", does.startOver),
    ];
    this.element = h(
      "div",
      { class: "bar-of-buttons" },
      h("div", { class: "row" }, this.#run, this.#stop),
      h("div", { class: "row" }, more),
    );
  }

  /** Run stays in the keyboard's way while it can't be pressed; Stop hands the focus back to it. */
  show({ runnable, stoppable }) {
    this.#run.setAttribute("aria-disabled", String(!runnable));
    if (!stoppable && document.activeElement === this.#stop) this.#run.focus();
    this.#stop.disabled = !stoppable;
  }

  set shared(words) {
    this.#share.textContent = words;
  }
}
