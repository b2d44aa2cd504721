/**
 * An element with its attributes and children, so that a view reads like what it makes.
 *
 * `on` holds listeners by the names of their events; an attribute that is false or null is left
 * out, and one that is true is there without a value. Text is never taken for HTML.
 */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(key, value === true ? "" : value);
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** Words for screen readers that the eye is told in another way. */
export const spoken = (words) => h("span", { class: "spoken" }, words);

/** A glyph for the eye alone: what it means is said in words beside it. */
export const glyph = (character) => h("span", { class: "glyph", "aria-hidden": "true" }, character);

/** A fragment of HTML that was made when the page was built, of texts of its own. */
export function built(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}
