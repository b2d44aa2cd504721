import { compared } from "./compared.js";
import { TracePanel, told } from "./trace_panel.js";

/**
 * The learner's arrays beside those of a scene that goes from array to array. Of a scene's `trace` it needs
 * `stage(entry)`, the name of the array that a step makes; `found(state, traced)`, which of Python's
 * arrays is which, `{ name: { array, line } }`; and, where the learner's may rightly be other numbers,
 * `due(state)`, the arrays to compare with by their names.
 */
export class StagesView extends TracePanel {
  #stage = null; // the name of the array that the step makes

  /** The steps are the scene's own. */
  get entries() {
    return null;
  }

  get matched() {
    return true;
  }

  /** Whether it stands at one of the learner's arrays, or before the first. */
  get going() {
    return this.traced !== null && (!this.#stage || this.trace.results.includes(this.#stage));
  }

  empty({ made, result }) {
    return made.length === 0 && result === null;
  }

  take(state) {
    const found = this.trace.found(state, this.traced);
    Object.assign(this.traced, { found, due: this.trace.due?.(state) });
    for (const name of this.trace.results) this.grids[name].element.hidden = !found[name];
  }

  /** The learner's arrays after a step, of which the reference's are known by their names. */
  show(entry, isLast, reference) {
    if (!this.traced) return;
    const { found, due } = this.traced;
    const wrong = [];
    for (const [name, { array }] of Object.entries(found)) {
      const { come } = reference[name];
      const marks = new Map();
      const wanted = due ? due[name] : reference[name];
      const verdict = wanted ? compared(array, Object.assign(wanted.copy(), { come }), marks) : null;
      // Of another shape it has no elements to wait for.
      const waits = array.shape.join() === reference[name].shape.join() ? come : undefined;
      this.grids[name].show(Object.assign(array.copy(), { come: waits }), marks);
      if (verdict && come?.size !== 0) wrong.push({ name, verdict });
    }
    const stage = entry ? this.trace.stage(entry) : null;
    this.#stage = stage;
    for (const name of Object.keys(found)) this.grids[name].element.hidden = !this.going;
    const line = found[stage]?.line ?? null;
    this.mark(line);
    const said = [this.#verdict(wrong, isLast), ...this.ending(isLast)].filter(Boolean).join(" ");
    this.say(...this.#where(stage, line), ` ${said}`);
  }

  #where(stage, line) {
    if (!stage) return ["Traced: play it, or go step by step."];
    if (line !== null) return [...this.source(line), "."];
    return this.trace.results.includes(stage)
      ? [`No array of your code is known to be “${stage}”.`]
      : ["Your function goes forward only: on the way back there is the reference alone."];
  }

  #verdict([first, ...more], isLast) {
    const { found, error, cut } = this.traced;
    const last = this.trace.results.at(-1);
    if (!first) return isLast && found[last] && !error && !cut ? "What it returns is right." : "";
    const after = more.length ? " What comes after is made of it." : "";
    return told([first.name], first.verdict) + after;
  }
}
