/** The page's own sums, without a browser: beside Python's numbers, which see_numbers.py wrote. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { backward, cells, forward, outShape, terms } from "../src/see/convolution.js";
import { Differences, exact } from "../src/see/differences.js";
import { neighbour } from "../src/see/grid_keys.js";
import { NdArray } from "../src/see/ndarray.js";
import { powerOfTen, scientific, shown, typed } from "../src/see/numbers.js";
import { marks, words } from "../src/see/routing.js";
import { EXAMPLES, resized } from "../src/see/scenes/convolution.js";
import { renewed } from "../src/see/sizes.js";
import { beside, plain } from "../src/see/timeline.js";

const NUMBERS = JSON.parse(readFileSync(new URL("see_numbers.json", import.meta.url), "utf8"));
const arrays = (one) =>
  Object.fromEntries(["G", "x", "W"].map((name) => [name, NdArray.fromLists(one[name])]));
const of = (number) => ({ one: NUMBERS[number], ...arrays(NUMBERS[number]) });
const near = (a, b, tolerance) =>
  a.data.every((value, place) => Math.abs(value - b.data[place]) <= tolerance);

for (const [number, one] of NUMBERS.entries()) {
  test(`out, dx and dW of x ${arrays(one).x.shape} and W ${arrays(one).W.shape} are Python's`, () => {
    const { G, x, W } = arrays(one);
    assert.deepEqual(outShape(x, W), G.shape);
    assert.deepEqual(forward(x, W).toLists(), one.out);
    const { dx, dW } = backward(G, x, W);
    assert.deepEqual([dx.toLists(), dW.toLists()], [one.dx, one.dW]);
  });

  test(`after every step of the walk, case ${number}`, () => {
    const { G, x, W } = arrays(one);
    one.partly.forEach((wanted, t) => {
      const { dx, dW } = backward(G, x, W, cells(G.shape).slice(0, t));
      assert.deepEqual([dx.toLists(), dW.toLists()], wanted, `step ${t}`);
    });
  });

  test(`what goes into an element is what Python says, case ${number}`, () => {
    const { G, x, W } = arrays(one);
    for (const [result, { place, read }] of Object.entries(one.contributions)) {
      const other = result === "dx" ? "W" : "x";
      const found = terms(result, place, G, x, W).map(({ cell, places }) => [
        cell,
        { W, x }[other].index(places[other]),
      ]);
      assert.deepEqual(found.map(String).sort(), read.map(String).sort());
    }
  });

  test(`a forward pass in float32 has NumPy's bits, case ${number}`, () => {
    const { x, W } = arrays(one);
    const over = (array, by) => NdArray.filled(array.shape, (place) => Math.fround(array.data[place] / by));
    assert.deepEqual(forward(over(x, 7), over(W, 3), null, Math.fround).toLists(), one.float32);
  });

  test(`the curved loss has the gradient of the chain rule, case ${number}`, () => {
    const { dx, dW } = exact("curved", arrays(one));
    assert.ok(
      near(dx, NdArray.fromLists(one.curved[0]), 1e-12) && near(dW, NdArray.fromLists(one.curved[1]), 1e-12),
    );
  });
}

test("a difference of the linear loss is exact at a large step, and useless at a tiny one", () => {
  const at = (loss, precision, step) => new Differences(loss, precision, arrays(NUMBERS[1])).at(step).error;
  assert.equal(at("linear", "float64", 1), 0); // integers
  assert.ok(at("linear", "float64", 1e-5) < 1e-7);
  assert.ok(at("linear", "float64", 1e-13) > 1e-3);
  assert.ok(at("linear", "float32", 1e-5) > 1e-3); // right code fails the tests
  assert.ok(at("linear", "float32", 1) === 0);
  assert.ok(at("curved", "float64", 1e-4) < 1e-7);
});

test("on a curved loss a large step errs as its square", () => {
  const differences = new Differences("curved", "float64", arrays(NUMBERS[1]));
  const ratio = differences.at(0.1).error / differences.at(0.01).error;
  assert.ok(ratio > 95 && ratio < 105, String(ratio));
});

test("an output cell lights its patch and its kernel, and says what it adds", () => {
  const { G, x, W } = of(1);
  const found = marks({ array: "G", index: [2, 1, 1] }, { G, x, W }, "backward");
  const [C_in, kH, kW] = W.shape.slice(1);
  const lit = [...found.x.keys()].map((place) => x.index(place));
  assert.equal(lit.length, C_in * kH * kW);
  assert.ok(lit.every(([, h, w]) => h >= 1 && h < 1 + kH && w >= 1 && w < 1 + kW));
  assert.ok([...found.W.keys()].every((place) => W.index(place)[0] === 2));
  const before = backward(G, x, W, []).dx;
  const after = backward(G, x, W, [[2, 1, 1]]).dx;
  for (const [place, { role, note }] of found.dx) {
    assert.equal(role, "into");
    assert.equal(typed(note), after.data[place] - before.data[place]);
  }
});

test("a pixel of dx is told as the sum it is", () => {
  const example = EXAMPLES[0].make().arrays;
  const { title, sum } = words({ array: "dx", index: [0, 1, 1] }, example, "backward");
  assert.equal(title, "dx[0,1,1] = Σ G[o, 1−u, 1−v] · W[o, 0, u, v]");
  assert.deepEqual(
    sum.products.map(({ names }) => names),
    ["G[0,0,0]·W[0,0,1,1]", "G[0,0,1]·W[0,0,1,0]", "G[0,1,0]·W[0,0,0,1]", "G[0,1,1]·W[0,0,0,0]"],
  );
  assert.equal(sum.value, 10);
  assert.ok(sum.complete);
});

test("of every element of dx, dW and out the products add up to it", () => {
  const { one, G, x, W } = of(1);
  for (const name of ["dx", "dW", "out"]) {
    const wanted = NdArray.fromLists(one[name]);
    wanted.data.forEach((value, place) => {
      assert.equal(
        words({ array: name, index: wanted.index(place) }, { G, x, W }, "backward").sum.value,
        value,
      );
    });
  }
});

test("while the walk is under way, a sum says what it has come to", () => {
  const example = EXAMPLES[0].make().arrays;
  const come = new Set(["0,0,0", "0,0,1"]);
  const { sum } = words({ array: "dx", index: [0, 1, 1] }, example, "backward", (cell) =>
    come.has(String(cell)),
  );
  assert.equal(sum.value, 7);
  assert.ok(!sum.complete);
  assert.deepEqual(
    sum.products.map(({ later }) => later),
    [false, false, true, true],
  );
});

test("the examples are the problem's", () => {
  const { G, x, W } = EXAMPLES[0].make().arrays;
  const { dx, dW } = backward(G, x, W);
  assert.deepEqual(dx.toLists(), [
    [
      [1, 3, 3, 2],
      [4, 10, 10, 6],
      [4, 10, 10, 6],
      [3, 7, 7, 4],
    ],
  ]);
  assert.deepEqual(dW.toLists(), [
    [
      [
        [45, 54],
        [81, 90],
      ],
    ],
  ]);
});

test("other sizes keep the elements that still fit, and G follows", () => {
  const { G, x, W } = resized(EXAMPLES[0].make().arrays, { C_in: 2, C_out: 3, H: 5, W: 3, kH: 2, kW: 2 });
  assert.deepEqual(
    [G.shape, x.shape, W.shape],
    [
      [3, 4, 2],
      [2, 5, 3],
      [3, 2, 2, 2],
    ],
  );
  assert.equal(x.at(0, 3, 2), 14);
  const least = resized({ G, x, W }, { C_in: 1, C_out: 1, H: 1, W: 2, kH: 4, kW: 4 });
  assert.deepEqual(
    [least.G.shape, least.W.shape],
    [
      [1, 1, 1],
      [1, 1, 1, 2],
    ],
  );
  assert.deepEqual(
    Object.values(renewed(least)).map(({ shape }) => shape),
    Object.values(least).map(({ shape }) => shape),
  );
});

const step = (at, loop, more = {}) => ({
  at,
  loop,
  line: 1,
  variables: {},
  dx: [[0, 0, 1]],
  dW: [[0, 0, 1]],
  ...more,
});

test("a trace in the reference's order is matched step by step", () => {
  const shape = [1, 2, 2];
  const steps = cells(shape).map((at) => step(at, 5));
  const { matched, entries } = beside(shape, steps);
  assert.ok(matched);
  assert.deepEqual(
    entries.map(({ cell, mine }) => [cell, mine]),
    cells(shape).map((cell, mine) => [cell, mine]),
  );
});

test("the reference follows another order, and goes on where the learner's loop ends too early", () => {
  const shape = [1, 2, 2];
  const { matched, entries } = beside(shape, [step([0, 1, 1], 5), step([0, 0, 1], 5)]);
  assert.ok(matched);
  assert.deepEqual(
    entries.map(({ cell, left = false }) => [String(cell), left]),
    [
      ["0,1,1", false],
      ["0,0,1", false],
      ["0,0,0", true],
      ["0,1,0", true],
    ],
  );
  assert.ok(entries.every(({ adds }) => adds.dx && adds.dW));
});

test("two loops, one for each result: the reference adds to the one that is due", () => {
  const shape = [1, 1, 2];
  const first = cells(shape).map((at) => step(at, 3, { dx: [] }));
  const second = cells(shape).map((at) => step(at, 8, { dW: [] }));
  const { matched, entries } = beside(shape, [...first, ...second]);
  assert.ok(matched);
  assert.deepEqual(
    entries.map(({ adds }) => [adds.dx, adds.dW]),
    [
      [false, true],
      [false, true],
      [true, false],
      [true, false],
    ],
  );
});

test("a step after the loops belongs to no cell, and adds nothing", () => {
  const shape = [1, 1, 1];
  const { matched, entries } = beside(shape, [step([0, 0, 0], 3), step(null, null)]);
  assert.ok(matched);
  assert.deepEqual(entries[1].adds, { dx: false, dW: false });
});

test("loops over taps, cells met twice, and no steps at all are not matched", () => {
  assert.ok(!beside([1, 1, 2], [step(null, 3), step(null, 3)]).matched);
  assert.ok(!beside([1, 1, 1], [step([0, 0, 0], 3), step([0, 0, 0], 3)]).matched);
  assert.ok(!beside([1, 1, 1], [step([0, 0, 7], 3)]).matched);
  assert.ok(!beside([1, 1, 1], []).matched);
  assert.equal(plain([2, 3, 4]).length, 24);
});

test("arrow keys walk a grid, and from one plane to the next", () => {
  const shape = [2, 2, 3];
  assert.equal(neighbour(0, "ArrowLeft", shape), 0);
  assert.equal(neighbour(2, "ArrowRight", shape), 6);
  assert.equal(neighbour(6, "ArrowLeft", shape), 2);
  assert.equal(neighbour(1, "ArrowDown", shape), 4);
  assert.equal(neighbour(4, "ArrowDown", shape), 4);
  assert.equal(neighbour(4, "Home", shape), 3);
  assert.equal(neighbour(4, "End", shape), 5);
  assert.equal(neighbour(4, "x", shape), null);
});

test("numbers as people write and read them", () => {
  assert.equal(shown(-1.5), "−1.5");
  assert.equal(shown(NaN), "nan");
  assert.equal(typed("−2,5"), -2.5);
  assert.ok(Number.isNaN(typed(" ")));
  assert.equal(powerOfTen(-12), "10⁻¹²");
  assert.equal(scientific(0.00031), "3.1·10⁻⁴");
  assert.equal(scientific(0), "0");
});
