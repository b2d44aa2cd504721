/** What the pictures of problems 02 to 06 show, without a browser: beside Python's numbers, which scene_numbers.py wrote. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { NdArray } from "../src/see/ndarray.js";
import { passed, returned } from "../src/see/network.js";
import { RELU, SOFTMAX, softmax } from "../src/see/scenes/elementwise.js";
import { NETWORK } from "../src/see/scenes/network.js";
import { PADDING_AND_STRIDE } from "../src/see/scenes/padding_and_stride.js";
import { POOLING } from "../src/see/scenes/pooling.js";
import { convolved, pooled } from "../src/see/windows.js";

const NUMBERS = JSON.parse(readFileSync(new URL("scene_numbers.json", import.meta.url), "utf8"));
const array = (lists) => NdArray.fromLists(lists);
const near = (found, wanted, words) => {
  assert.deepEqual(found.shape, array(wanted).shape, words);
  array(wanted).data.forEach((value, place) => {
    assert.ok(
      Math.abs(found.data[place] - value) < 1e-12,
      `${words} ${place}: ${found.data[place]}, not ${value}`,
    );
  });
};
const SCENES = { PADDING_AND_STRIDE, POOLING, RELU, SOFTMAX, NETWORK };

for (const { padding, stride, x, W, out } of NUMBERS.padding) {
  test(`a convolution with padding ${padding} and stride ${stride} is Python's`, () => {
    assert.deepEqual(convolved(array(x), array(W), padding, stride).toLists(), out);
  });

  test(`padding ${padding}, stride ${stride}: of every output the products add up to it`, () => {
    const state = { arrays: { x: array(x), W: array(W) }, options: { padding, stride } };
    for (const { cell } of PADDING_AND_STRIDE.entries(state)) {
      const { sum } = PADDING_AND_STRIDE.words({ array: "out", index: cell }, state, []);
      assert.equal(sum.value, array(out).at(...cell));
    }
  });
}

for (const { kernel_size, stride, x, out, won } of NUMBERS.pooling) {
  test(`pooling of ${kernel_size} at stride ${stride}: the largest, and where a gradient of ones goes`, () => {
    assert.deepEqual(pooled(array(x), kernel_size, stride).toLists(), out);
    const state = { arrays: { x: array(x) }, options: { kernel_size, stride } };
    assert.deepEqual(POOLING.results(state, POOLING.entries(state)).won.toLists(), won);
  });
}

for (const { z, a, probabilities } of NUMBERS.softmax) {
  test(`softmax of ${z} shifted by ${a}`, () => near(softmax(array(z), a).probabilities, probabilities, "p"));
}

test("without its shift softmax of large scores is nan, and shifted by too much too", () => {
  for (const [z, a] of [
    [[[1000, 1001, 998]], 0],
    [[[1, 2, 3]], 800],
  ])
    assert.ok(softmax(array(z), a).probabilities.data.every(Number.isNaN));
});

for (const one of NUMBERS.network) {
  test(`the network with ${one.W_conv.length} kernels, forward and back`, () => {
    const given = Object.fromEntries(["x", "W_conv", "W_fc"].map((name) => [name, array(one[name])]));
    const values = passed(given);
    const gradients = returned(given, values, one.target);
    for (const [name, found] of Object.entries({ ...values, ...gradients })) near(found, one[name], name);
  });
}

for (const [name, scene] of Object.entries(SCENES)) {
  for (const { name: title, make } of scene.examples) {
    test(`${name}, ${title}: every step and every element has its marks and its words`, () => {
      const state = make();
      assert.ok(scene.fits(state));
      const entries = scene.entries(state);
      assert.ok(entries.length > 0);
      for (const [step, entry] of entries.entries()) {
        const shown = { ...state.arrays, ...scene.results(state, entries.slice(0, step + 1)) };
        const looked = scene.look(entry, state);
        const marks = scene.marks(looked, state, entries);
        assert.match(marks[looked.array].get(shown[looked.array].place(looked.index)).role, /^here/);
      }
      const names = scene.rows.flat().flatMap((one) => [one, one.under].filter(Boolean));
      const shown = { ...state.arrays, ...scene.results(state, entries) };
      for (const { name: drawn } of names) {
        assert.ok(shown[drawn], drawn);
        for (let place = 0; place < shown[drawn].size; place++) {
          const looked = { array: drawn, index: shown[drawn].index(place) };
          const marks = scene.marks(looked, state, entries);
          for (const [other, found] of Object.entries(marks))
            for (const at of found.keys())
              assert.ok(at >= 0 && at < shown[other].size, `${drawn} marks ${other} ${at}`);
          const { title: said, text } = scene.words(looked, state, entries);
          assert.ok(said.length > 3 && text.length > 3);
        }
      }
    });
  }
}
