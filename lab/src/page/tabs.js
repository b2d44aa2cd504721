import { h } from "./element.js";

let made = 0;

/** Panels of which one is seen, and their tabs: arrow keys go from one to the next. */
export class Tabs {
  #tabs = new Map();
  #chosen = null;

  /** `panels` are `[{ id, title, content }]`; `chosen(id)` is told what is looked at. */
  constructor(label, panels, { chosen = () => {} } = {}) {
    const group = `tabs-${++made}`;
    this.list = h("div", { class: "tabs", role: "tablist", "aria-label": label });
    this.panels = [];
    for (const { id, title, content } of panels) {
      const badge = h("span", { class: "tab-badge" });
      const tab = h(
        "button",
        {
          type: "button",
          role: "tab",
          id: `${group}-tab-${id}`,
          "aria-controls": `${group}-${id}`,
          on: { click: () => this.show(id) },
        },
        title,
        badge,
      );
      const panel = h(
        "div",
        { class: "panel scrolls", role: "tabpanel", id: `${group}-${id}`, "aria-labelledby": tab.id },
        content,
      );
      this.#tabs.set(id, { tab, panel, badge });
      this.list.append(tab);
      this.panels.push(panel);
    }
    this.list.addEventListener("keydown", (event) => this.#key(event));
    this.show(panels[0].id);
    this.#told = chosen;
  }

  #told = () => {};

  get chosen() {
    return this.#chosen;
  }

  show(id) {
    this.#chosen = id;
    for (const [key, { tab, panel }] of this.#tabs) {
      tab.setAttribute("aria-selected", String(key === id));
      tab.tabIndex = key === id ? 0 : -1;
      panel.hidden = key !== id;
    }
    this.#told(id);
  }

  /** To the tab that is chosen. */
  focus() {
    this.#tabs.get(this.#chosen).tab.focus();
  }

  /** A word or number beside a tab's title, as "2" of what is in it. */
  badge(id, words) {
    const { badge } = this.#tabs.get(id);
    badge.textContent = words ? ` ${words}` : "";
  }

  #key(event) {
    const ids = [...this.#tabs.keys()];
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const to = { Home: 0, End: ids.length - 1 }[event.key];
    if (by === undefined && to === undefined) return;
    event.preventDefault();
    const place = to ?? (ids.indexOf(this.#chosen) + by + ids.length) % ids.length;
    this.show(ids[place]);
    this.focus();
  }
}
