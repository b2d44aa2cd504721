/** Seeing it: the arrays of a convolution backward, and where every gradient goes. */
import { h } from "../page/element.js";
import { Arrays } from "./arrays.js";
import { DifferencesPanel } from "./differences_panel.js";
import { SpeedPanel } from "./speed_panel.js";
import "./see.css";

const BACKWARD = "conv2d_backward";

export function mount(element, context) {
  let views = [];
  const clear = () => {
    for (const view of views) view.destroy();
    views = [];
    element.replaceChildren();
  };
  return {
    update(problem) {
      clear();
      if (!problem.functions.includes(BACKWARD)) return;
      element.append(h("h2", {}, "Seeing it"));
      const pictures = h("div", {});
      element.append(pictures);
      const differences = new DifferencesPanel(element);
      const speed = new SpeedPanel(element, context);
      const arrays = new Arrays(pictures, context, (changed) => differences.show(changed));
      views = [arrays, differences, speed];
    },
    destroy: clear,
  };
}
