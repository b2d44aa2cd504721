/** Scenes of problem 04: ReLU element by element, and what softmax's shift does. */
import { NdArray } from "../ndarray.js";
import { shown } from "../numbers.js";
import { arraysMade } from "../trace_arrays.js";

const row = (values) => NdArray.filled([1, values.length], (place) => values[place]);

export const RELU = {
  kept: "picture/04/relu",
  walk: "The walk over the elements",
  rows: [
    [{ name: "x", title: "numbers", edit: true, kind: "wide" }],
    [{ name: "out", title: "max(x, 0)", kind: "wide" }],
    [{ name: "slope", title: "what a gradient is multiplied by on its way back", kind: "wide" }],
  ],
  examples: [
    { name: "The example", make: () => ({ arrays: { x: row([-2, 0, 3, 1.5, -0.5]) }, options: {} }) },
  ],
  fits: ({ arrays: { x } }) => x?.shape.length === 2 && x.size > 0 && x.size <= 24,
  entries: ({ arrays: { x } }) => Array.from({ length: x.size }, (_, place) => ({ cell: x.index(place) })),
  named: () => "",
  look: ({ cell }) => ({ array: "out", index: cell }),
  results({ arrays: { x } }, entries) {
    const come = new Set(entries.map(({ cell }) => x.place(cell)));
    const made = (value) =>
      Object.assign(
        NdArray.filled(x.shape, (place) => value(x.data[place])),
        { come },
      );
    return { out: made((value) => Math.max(value, 0)), slope: made((value) => (value > 0 ? 1 : 0)) };
  },
  marks({ array, index }, { arrays: { x } }) {
    const place = x.place(index);
    const all = { x: "with", out: "into", slope: "into" };
    return Object.fromEntries(
      Object.entries(all).map(([name, role]) => [
        name,
        new Map([[place, { role: name === array ? "here" : role, note: "" }]]),
      ]),
    );
  },
  words({ index }, { arrays: { x } }) {
    const value = x.at(...index);
    const word =
      value > 0
        ? "It is above 0 and passes: so does its gradient."
        : value < 0
          ? "It is below 0, and becomes 0. No gradient comes back through it."
          : "At 0 itself there is a kink. It is 0 on both ways; the gradient is taken as 0.";
    return {
      title: `out[${index[1]}] = max(${shown(value)}, 0) = ${shown(Math.max(value, 0))}`,
      text: word,
      code: [],
      sum: null,
    };
  },
  state: ({ arguments: given, result }) =>
    given.x && result === "out" ? rowState({ x: given.x }, {}) : null,
  trace: {
    results: ["out"],
    kind: () => "wide",
    stage: () => "out",
    ask: arraysMade("relu", ["x"]),
    found: (_, { result, line }) => (result === null ? {} : { out: { array: rowsOf(result), line } }),
  },
};

/** Scores are shifted by a, then powers of e, then shares of their sum. */
const STAGES = {
  shifted: { title: "z − a", text: "The same number is taken from every score." },
  powers: { title: "exp(z − a)", text: "Powers of e. Above 709 float64 has no number left but inf." },
  probabilities: {
    title: "each over their sum",
    text: "Shares of the sum: a has cancelled, unless something was inf or all were 0.",
  },
};

export const SOFTMAX = {
  kept: "picture/04/softmax",
  walk: "The steps of softmax",
  rows: [
    [{ name: "z", title: "scores", edit: true, kind: "wide" }],
    ...Object.entries(STAGES).map(([name, { title }]) => [{ name, title, kind: "wide" }]),
  ],
  options: [{ name: "a", title: "a", least: 0, most: 1500, slider: true }],
  examples: [
    { name: "Large scores, no shift", make: () => scores([1000, 1001, 998], 0) },
    { name: "Small scores, no shift", make: () => scores([0, 1.0986, 2], 0) },
    { name: "Large scores, shifted by their largest", make: () => scores([1000, 1001, 998], 1001) },
    { name: "Shifted by too much", make: () => scores([1, 2, 3], 800) },
  ],
  fits: ({ arrays: { z }, options: { a } }) =>
    z?.shape.length === 2 && z.size > 0 && z.size <= 24 && Number.isFinite(a),
  entries: () => Object.keys(STAGES).map((stage) => ({ stage })),
  named: (entry) => (entry ? STAGES[entry.stage].title : ""),
  look: ({ stage }) => ({ array: stage, index: [0, 0] }),
  results({ arrays: { z }, options: { a } }, entries) {
    const made = softmax(z, a);
    const come = new Set(entries.map(({ stage }) => stage));
    return Object.fromEntries(
      Object.entries(made).map(([stage, array]) => [
        stage,
        come.has(stage) ? array : Object.assign(array.copy(), { come: new Set() }),
      ]),
    );
  },
  marks({ array, index }, { arrays: { z } }) {
    const before = { shifted: "z", powers: "shifted", probabilities: "powers" }[array];
    const found = { [array]: new Map([[z.place(index), { role: "here", note: "" }]]) };
    if (before) {
      // A share is of the sum of its row.
      const cells = array === "probabilities" ? z.shape[1] : 1;
      const places =
        cells === 1 ? [z.place(index)] : Array.from({ length: cells }, (_, m) => z.place([index[0], m]));
      found[before] = new Map(places.map((place) => [place, { role: "with", note: "" }]));
    }
    return found;
  },
  words({ array, index }, { arrays: { z }, options: { a } }) {
    const made = softmax(z, a);
    const k = index[1];
    const best = Math.max(...z.data);
    const advice = `With a = max z = ${shown(best, 6)} no exponent is above 0.`;
    const value = (name) => shown(made[name].at(...index), 5);
    const title = {
      z: `z[${k}] = ${shown(z.at(...index), 6)}`,
      shifted: `z[${k}] − a = ${shown(z.at(...index), 6)} − ${shown(a, 6)} = ${value("shifted")}`,
      powers: `exp(${value("shifted")}) = ${value("powers")}`,
      probabilities: `${value("powers")} / ${shown(sumOf(made.powers, index[0]), 5)} = ${value("probabilities")}`,
    }[array];
    return {
      title,
      text: STAGES[array]?.text ?? "Scores, as a network gives them.",
      code: [advice],
      sum: null,
    };
  },
  state: ({ arguments: given }) => (given.z ? rowState({ z: given.z }, { a: 0 }) : null),
  trace: {
    results: Object.keys(STAGES),
    kind: () => "wide",
    stage: ({ stage }) => stage,
    ask: arraysMade("softmax", ["z"]),
    found: softmaxStages,
    // What is taken from the scores is the learner's choice; what comes of it is not.
    due: ({ arrays: { z } }) => ({ probabilities: softmax(z, 0, largest(z)).probabilities }),
  },
};

/** Which of the learner's arrays is which, by what it is of the scores. */
function softmaxStages({ arrays: { z } }, { made, result, line }) {
  const rows = made
    .map((one) => ({ array: rowsOf(one.array), line: one.line }))
    .filter(({ array }) => array.shape.join() === z.shape.join());
  const shifted = rows.find(({ array }) => isShifted(array, z));
  const powers = rows.find(({ array }) => isPowers(array, z));
  const returned = result === null ? null : { array: rowsOf(result), line };
  const found = { shifted, powers, probabilities: returned };
  return Object.fromEntries(Object.entries(found).filter(([, one]) => one));
}

const lines = ({ shape: [count, columns], data }) =>
  Array.from({ length: count }, (_, k) => data.slice(k * columns, (k + 1) * columns));
const alike = (values) =>
  values.every((value) => Math.abs(value - values[0]) <= 1e-9 * (1 + Math.abs(value)));

/** Whether from every score of a row the same number was taken. */
function isShifted(array, z) {
  const taken = lines(z).map((row, k) => row.map((score, n) => score - lines(array)[k][n]));
  return taken.every(alike) && taken.some((row) => row.some((value) => value !== 0));
}

/** Whether it is exp(z − a), in each row with an a of its own, and not yet shares of a sum. */
function isPowers(array, z) {
  return lines(array).every((row, k) => {
    const scores = lines(z)[k];
    const shifts = [...row.keys()]
      .filter((n) => row[n] > 0 && row[n] < Infinity)
      .map((n) => Math.log(row[n]) - scores[n]);
    const sum = row.reduce((all, value) => all + value, 0);
    return alike(shifts) && row.every((value) => value >= 0) && sum > 0 && Math.abs(sum - 1) > 1e-9;
  });
}

const largest = (z) => lines(z).map((row) => Math.max(...row));

function scores(values, a) {
  return { arrays: { z: row(values) }, options: { a } };
}

/** A state of arrays with one row or several; null for others. */
function rowState(given, options) {
  const arrays = Object.fromEntries(Object.entries(given).map(([name, lists]) => [name, rowsOf(lists)]));
  return { arrays, options };
}

/** An array of rows: a vector is one, and a number one of one. */
function rowsOf(lists) {
  const array = NdArray.fromLists(Array.isArray(lists) ? lists : [lists]);
  return new NdArray(array.shape.length === 1 ? [1, array.size] : array.shape, array.data);
}

function sumOf(powers, line) {
  let sum = 0;
  for (let k = 0; k < powers.shape[1]; k++) sum += powers.at(line, k);
  return sum;
}

/** z − a, its powers of e, and their shares of each row's sum; a row may have an a of its own. */
export function softmax(z, a, own = []) {
  const shifted = NdArray.filled(z.shape, (place) => z.data[place] - (own[z.index(place)[0]] ?? a));
  const powers = NdArray.filled(z.shape, (place) => Math.exp(shifted.data[place]));
  const probabilities = NdArray.filled(
    z.shape,
    (place) => powers.data[place] / sumOf(powers, z.index(place)[0]),
  );
  return { shifted, powers, probabilities };
}
