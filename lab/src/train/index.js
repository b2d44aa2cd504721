/** The last step: the real digits, learned with the learner's own functions. */
import { h } from "../page/element.js";
import { Pad } from "./pad.js";
import { Trainer } from "./trainer.js";
import "../see/see.css";
import "./train.css";

export function mount(element, context) {
  element.append(
    h(
      "header",
      { class: "digits-head" },
      h("h1", {}, "Train on digits"),
      h(
        "p",
        {},
        "1,797 handwritten digits of 8×8 pixels, and a small network: two convolutions of 6 and 12 kernels, each followed by ReLU; a max-pool; a linear layer. Its gradients are computed by the functions you wrote. Every digit is seen three times; 360 are held out, to measure how well it reads what it has not seen.",
      ),
    ),
  );
  const training = h(
    "section",
    { class: "training", "aria-labelledby": "training-title" },
    h("h2", { id: "training-title" }, "Training"),
  );
  const reading = h(
    "section",
    { class: "reading", "aria-labelledby": "reading-title" },
    h("h2", { id: "reading-title" }, "Reading"),
  );
  element.append(training, reading);
  const pad = new Pad(reading, context);
  const trainer = new Trainer(training, context, { started: () => pad.enable(), changed: () => pad.read() });
  return {
    update() {},
    destroy() {
      trainer.destroy();
      pad.destroy();
      element.replaceChildren();
    },
  };
}
