/** The last step: the real digits, learned with the learner's own functions. */
import { h } from "../page/element.js";
import { Pad } from "./pad.js";
import { Trainer } from "./trainer.js";
import "../see/see.css";
import "./train.css";

const ABOUT =
  "1,797 handwritten digits of 8×8 pixels, and a small network: two convolutions of 6 and 12 kernels, each followed by ReLU; a max-pool; a linear layer. Its gradients are computed by the functions you wrote. Every digit is seen three times; 360 are held out, to measure how well it reads what it has not seen.";

/** It stays as it is while another page is shown, for Python keeps the network. */
export class TrainingPage {
  #parts;
  #trainer;

  /** `context`: python, store, announce. */
  constructor(context) {
    const part = (name, title) =>
      h(
        "section",
        { class: name, "aria-labelledby": `${name}-title` },
        h("h2", { id: `${name}-title` }, title),
      );
    const training = part("training", "Training");
    const reading = part("reading", "Reading");
    const head = h("header", { class: "digits-head" }, h("h1", {}, "Train on digits"), h("p", {}, ABOUT));
    this.#parts = [head, training, reading];
    const pad = new Pad(reading, context);
    this.#trainer = new Trainer(training, context, {
      started: () => pad.enable(),
      changed: () => pad.read(),
    });
    const { python } = context;
    let replaced = 0;
    python.watch(() => {
      if (python.replaced > replaced) pad.disable(); // the network is gone
      replaced = python.replaced;
    });
  }

  show(element) {
    element.append(...this.#parts);
    this.#trainer.show();
  }

  leave() {
    this.#trainer.pause();
    for (const part of this.#parts) part.remove();
  }
}
