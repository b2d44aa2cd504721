import { h } from "../page/element.js";
import { shown } from "./numbers.js";

const MOST_SPOKEN = 12;

/** What is said of the element that is looked at, in a place of one height, so that nothing moves. */
export class Explanation {
  element = h("div", {
    class: "explanation",
    tabindex: "0",
    role: "region",
    "aria-label": "The element in words",
  });

  /** Before there is anything to look at. */
  ask() {
    this.element.replaceChildren(
      h(
        "p",
        {},
        "Play the steps, or point at any element: what belongs to it lights up. By keys: Tab and the arrows.",
      ),
    );
  }

  show({ title, text, code, sum }) {
    this.element.replaceChildren(
      h("p", { class: "law title" }, title),
      h("p", {}, text),
      ...code.map((line) => h("p", { class: "law" }, line)),
      ...(sum ? written(sum) : []),
    );
  }
}

/** The sum with names, then with numbers; what is later is struck through and said to be. */
function written({ products, value, complete }) {
  const line = (key) =>
    products.flatMap((product, n) => {
      const part = product.later ? h("s", {}, product[key]) : h("span", { class: "product" }, product[key]);
      return n ? [" + ", part] : [part];
    });
  return [
    h("p", { class: "law" }, "= ", line("names")),
    h(
      "p",
      { class: "law" },
      "= ",
      line("numbers"),
      complete ? " = " : ", so far ",
      h("strong", {}, shown(value)),
    ),
  ];
}

/** The same in a sentence, for a screen reader: a long sum is not read out product by product. */
export function sentence({ title, text, code, sum }) {
  if (!sum) return [title, text, ...code].join(". ");
  const numbers = sum.products.filter(({ later }) => !later).map((product) => product.numbers);
  const said =
    numbers.length > MOST_SPOKEN ? `${numbers.length} products` : numbers.join(" + ") || "nothing yet";
  return `${title}: ${said} = ${shown(sum.value)}`;
}
