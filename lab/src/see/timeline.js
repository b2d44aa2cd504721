/** The steps to play: of the reference, and of the learner's code beside it where it was traced. */
import { cells } from "./convolution.js";

const BOTH = ["dx", "dW"];
const key = (cell) => cell.join();

/**
 * Of the reference alone. Each is `{ cell, adds }`: the output cell, and to which of dx and dW the
 * step adds what is due.
 */
export function plain(shape, results = BOTH) {
  return cells(shape).map((cell) => ({ cell, adds: adding(results, () => true) }));
}

/**
 * Of a trace's steps, with `mine`, the place of the learner's step.
 *
 * Where every step in the loops that fill a result is of one output cell, and none is of the same,
 * the reference goes the learner's own way, and at the end to what the learner left out (`left`).
 * Elsewhere it has no step to compare with, and stands complete: `matched` is false.
 */
export function beside(shape, steps, results = BOTH) {
  const all = cells(shape);
  const nests = Object.fromEntries(results.map((result) => [result, nestOf(result, steps)]));
  const within = (result) =>
    steps.filter(({ loop, at }) => loop === nests[result] && (at !== null || loop !== null));
  const matched = results.every((result) => once(within(result), all));
  const entries = steps.map((step, mine) => ({
    cell: step.at,
    adds: adding(results, (result) => matched && step.at !== null && step.loop === nests[result]),
    mine,
  }));
  if (!matched) return { matched, entries };
  const come = Object.fromEntries(
    results.map((result) => [result, new Set(within(result).map(({ at }) => key(at)))]),
  );
  for (const cell of all) {
    const adds = adding(results, (result) => !come[result].has(key(cell)));
    if (Object.values(adds).some(Boolean)) entries.push({ cell, adds, mine: steps.length - 1, left: true });
  }
  return { matched, entries };
}

const adding = (results, test) => Object.fromEntries(results.map((result) => [result, test(result)]));

/** The loops that fill a result, by the line of the outermost; where nothing changes it, any. */
function nestOf(result, steps) {
  const filling =
    steps.find((step) => step.loop !== null && step[result].length) ??
    steps.find(({ loop }) => loop !== null);
  return filling?.loop ?? null;
}

/** Whether all steps are of output cells, each of another one. */
function once(steps, all) {
  const known = new Set(all.map(key));
  const met = steps.map(({ at }) => at && key(at));
  return steps.length > 0 && new Set(met).size === met.length && met.every((one) => known.has(one));
}
