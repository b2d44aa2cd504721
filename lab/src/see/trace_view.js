import { compared } from "./compared.js";
import { NdArray, number } from "./ndarray.js";
import { shown } from "./numbers.js";
import { beside } from "./timeline.js";
import { TracePanel, told } from "./trace_panel.js";

/**
 * The learner's results, step by step beside the reference's; the line of each step is marked. Of a scene's
 * `trace` it needs `shape(state)` too, that of the cells.
 */
export class TraceView extends TracePanel {
  /** The steps, or null where nothing is traced. */
  get entries() {
    return this.traced?.entries ?? null;
  }

  /** Whether the reference has a step for each of the learner's. */
  get matched() {
    return this.traced?.matched ?? true;
  }

  empty({ steps }) {
    return steps.length === 0;
  }

  take(state) {
    const { results } = this.trace;
    const { start, steps, results: returned } = this.traced;
    const known = results.filter((name) => drawable(start[name] ?? returned[name]));
    Object.assign(this.traced, { known, ...beside(this.trace.shape(state), steps, results) });
    for (const name of results) this.grids[name].element.hidden = !known.includes(name);
  }

  /** The learner's arrays after an entry, of which the reference's are known by the results' names. */
  show(entry, isLast, reference) {
    if (!this.traced) return;
    const { known, matched } = this.traced;
    const verdicts = known.map((name) => {
      const { array, changes } = this.#state(name, entry);
      const marks = new Map();
      for (const [place, before, after] of changes) {
        marks.set(place, { role: "into", note: `${shown(number(before), 3)}→${shown(number(after), 3)}` });
      }
      const verdict = matched || isLast ? compared(array, reference[name], marks) : null;
      this.grids[name].show(array, marks);
      return { name, verdict };
    });
    const line = entry && !entry.left ? this.traced.steps[entry.mine].line : null;
    this.mark(line);
    const said = [this.#verdict(verdicts, isLast), this.#about(isLast)].filter(Boolean).join(" ");
    this.say(...this.#where(entry), ` ${said}`);
  }

  /** A result after an entry, and what changed there. */
  #state(name, entry) {
    const { start, results, steps } = this.traced;
    if (!start[name]) return { array: NdArray.fromLists(results[name]), changes: [] };
    const array = NdArray.fromLists(start[name]);
    const done = steps.slice(0, (entry?.mine ?? -1) + 1);
    for (const step of done) for (const [place, , after] of step[name]) array.data[place] = number(after);
    return { array, changes: entry && !entry.left ? done.at(-1)[name] : [] };
  }

  #where(entry) {
    if (!entry) return this.entries.length ? ["Traced: play it, or go step by step."] : [];
    if (entry.left) return ["Your code did not come to this output."];
    const { line, variables } = this.traced.steps[entry.mine];
    const at = Object.entries(variables)
      .map(([name, value]) => `${name} = ${value}`)
      .join(", ");
    return [...this.source(line), at ? ` (${at}).` : "."];
  }

  #verdict(verdicts, isLast) {
    for (const wrong of ["differs", "shape"]) {
      const names = verdicts.filter(({ verdict }) => verdict === wrong).map(({ name }) => name);
      if (names.length) return told(names, wrong);
    }
    const { error, cut } = this.traced;
    return isLast && verdicts.length === this.trace.results.length && !error && !cut
      ? "Both end the same."
      : "";
  }

  #about(isLast) {
    const { steps, start, error, cut, matched, known } = this.traced;
    const { results } = this.trace;
    const said = [];
    if (steps.length === 0)
      said.push(
        `No line of your code fills ${results.join(" or ")} step by step, so there is nothing to play: only the results are shown.`,
      );
    else if (!matched)
      said.push(
        "Your loops are not over output cells one by one, so the reference stands complete beside your steps.",
      );
    const undrawn = results.filter((name) => !known.includes(name) && !error && !cut);
    if (undrawn.length) said.push(`${undrawn.join(" and ")}: no array of rows and columns is returned.`);
    const lost = known.filter((name) => !start[name]);
    if (lost.length && steps.length)
      said.push(
        `${lost.join(" and ")}: what is returned is no variable of your code, so only the result is shown.`,
      );
    return [...said, ...this.ending(isLast)].join(" ");
  }
}

/** Whether nested lists have rows and columns. */
const drawable = (lists) => Array.isArray(lists?.[0]) && lists.flat(Infinity).length > 0;
