import { h } from "./element.js";

const PAUSE_MS = 150;

/** A live region: screen readers say what is written into it, once the latest has stood a moment. */
export function liveRegion(parent) {
  const region = h("p", { class: "spoken", role: "status" });
  parent.append(region);
  let timer = 0;
  return function announce(text) {
    clearTimeout(timer);
    region.textContent = "";
    timer = setTimeout(() => {
      region.textContent = text;
    }, PAUSE_MS);
  };
}
