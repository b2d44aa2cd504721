import { glyph, h } from "./element.js";

/** Run and Stop, and what is done with the code as a text. */
export class Toolbar {
  #run;
  #stop;
  #share;

  /** `does` holds what each button does: run, stop, share, download, startOver. */
  constructor(does) {
    const button = (kind, words, listener) =>
      h("button", { type: "button", class: kind, on: { click: listener } }, words);
    this.#run = button("run", [glyph("▶"), " Run", h("span", { class: "more-words" }, " tests")], () => {
      if (this.#run.getAttribute("aria-disabled") !== "true") does.run();
    });
    this.#stop = button("stop", [glyph("■"), " Stop"], does.stop);
    this.#share = button("plain", "Copy a link", does.share);
    this.running = h("div", { class: "run-buttons" }, this.#run, this.#stop);
    this.text = h(
      "div",
      { class: "text-buttons" },
      this.#share,
      button("plain", "Download", does.download),
      button("plain", "Start over", does.startOver),
    );
  }

  /** Run stays in the keyboard's way while it can't be pressed; Stop hands the focus back to it. */
  show({ runnable, stoppable }) {
    this.#run.setAttribute("aria-disabled", String(!runnable));
    if (!stoppable && document.activeElement === this.#stop) this.#run.focus();
    this.#stop.disabled = !stoppable;
    this.running.dataset.running = String(stoppable);
  }

  set shared(words) {
    this.#share.textContent = words;
  }
}
