/** Seeing it: the arrays of a convolution, forward or backward, and what belongs to each element. */
import { h } from "../page/element.js";
import { Arrays } from "./arrays.js";
import { DifferencesPanel } from "./differences_panel.js";
import { SpeedPanel } from "./speed_panel.js";
import "./see.css";

/** By the functions of a problem, what there is to see: the pictures of other problems would mislead. */
const VIEWS = { conv2d_naive: forward, conv2d_backward: backward };

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
      const make = problem.functions.map((name) => VIEWS[name]).find(Boolean);
      if (!make) return;
      element.append(h("h2", {}, "Seeing it"));
      views = make(element, context);
    },
    destroy: clear,
  };
}

function forward(element, context) {
  return [new Arrays(element, context, "forward")];
}

function backward(element, context) {
  const place = h("div", {});
  element.append(place);
  const differences = new DifferencesPanel(element);
  const speed = new SpeedPanel(element, context);
  const arrays = new Arrays(place, context, "backward", (changed) => differences.show(changed));
  return [arrays, differences, speed];
}
