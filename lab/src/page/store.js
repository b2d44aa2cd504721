const PREFIX = "dxdw-lab/";

/** What the browser keeps of the learner's work; where it keeps nothing, what this page does. */
export class Store {
  #fallback = new Map();

  get(key, otherwise = null) {
    let text = this.#fallback.get(key) ?? null;
    try {
      text ??= localStorage.getItem(PREFIX + key);
    } catch {
      // Storage is forbidden here.
    }
    try {
      return text === null ? otherwise : JSON.parse(text);
    } catch {
      return otherwise;
    }
  }

  set(key, value) {
    const text = JSON.stringify(value);
    try {
      localStorage.setItem(PREFIX + key, text);
      this.#fallback.delete(key);
    } catch {
      this.#fallback.set(key, text); // forbidden, or full
    }
  }
}
