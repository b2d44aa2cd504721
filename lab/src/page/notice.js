import { h } from "./element.js";

export const BROUGHT = "This link brings code for the problem. Nothing of it has been run.";

/** Asks what is to become of code that a link brought, where the learner has some already. */
export function notice({ take, keep }) {
  const button = (kind, words, listener) =>
    h(
      "button",
      {
        type: "button",
        class: kind,
        on: {
          click: () => {
            element.remove();
            listener();
          },
        },
      },
      words,
    );
  const element = h(
    "div",
    { class: "notice", role: "region", "aria-label": "Code from a link" },
    h("p", {}, BROUGHT),
    h(
      "p",
      { class: "row" },
      button(null, "Put it into the editor", take),
      button("plain", "Keep mine", keep),
    ),
  );
  return element;
}
