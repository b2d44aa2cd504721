/** "Seeing it", in a browser: before Python, by pointer and by keys, and with the learner's code traced. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CATALOGUE, enter, pythonReady, shared, violations, within } from "./lab.mjs";

const OVERWRITES = `import numpy as np
def conv2d_backward(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j in np.ndindex(*grad_out.shape):
        dW[o] += grad_out[o, i, j] * x[:, i:i+kH, j:j+kW]
        dx[:, i:i+kH, j:j+kW] = grad_out[o, i, j] * W[o]
    return dx, dW
`;
const RIGHT = OVERWRITES.replace("j:j+kW] = grad", "j:j+kW] += grad");
const VECTORISED = `import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
def conv2d_backward(grad_out, x, W):
    k, l = W.shape[2] - 1, W.shape[3] - 1
    windows = sliding_window_view(np.pad(grad_out, [(0, 0), (k, k), (l, l)]), W.shape[2:], (1, 2))
    return (np.einsum("ohwuv,ocuv->chw", windows, W[:, :, ::-1, ::-1]),
            np.einsum("oij,cijuv->ocuv", grad_out, sliding_window_view(x, W.shape[2:], (1, 2))))
`;

const lab = shared();

const figure = (page, name, whose = "") =>
  page.locator(`.picture-pane .grid[data-array="${name}"]`, { hasText: whose });
const cell = (page, name, place) => figure(page, name).locator(`td[data-place="${place}"]`).first();
const values = async (grid) => (await grid.locator("td .value").allTextContents()).join(" ");
const lit = (page, name, role) =>
  figure(page, name)
    .first()
    .locator("td[data-role]")
    .evaluateAll(
      (cells, wanted) =>
        cells.filter((one) => one.dataset.role === wanted).map((one) => Number(one.dataset.place)),
      role,
    );
const explanation = (page) => page.locator(".explanation:visible");
const step = (page) => page.getByRole("slider", { name: "Step", exact: true });
const toTheEnd = async (page) => step(page).fill(await step(page).getAttribute("max"));

// The words below the picture, which are also said to who does not see them, a moment later.
const traceWords = (page, hasText) => page.locator(".trace-words", { hasText });

async function withoutPython() {
  const opened = await lab.open({ without: "**/*.wasm*" });
  await opened.page.locator(".picture-pane .grid").first().waitFor();
  return opened;
}

test("the grids are there before Python and without it, at the first step, and come to the example's numbers", async () => {
  const { page, context } = await withoutPython();
  assert.equal(await step(page).inputValue(), "0");
  assert.equal(await values(figure(page, "dW", "of W")), "0 0 0 0");
  await toTheEnd(page);
  assert.equal(await values(figure(page, "dx", "of x")), "1 3 3 2 4 10 10 6 4 10 10 6 3 7 7 4");
  assert.equal(await values(figure(page, "dW", "of W")), "45 54 81 90");
  assert.equal(await page.locator(".picture-pane").getByRole("grid").count(), 5);
  assert.ok(await page.getByRole("button", { name: "Trace your code" }).isDisabled());
  await context.close();
});

test("pointing lights what belongs together, and leaving brings back what was chosen", async () => {
  const { page, context } = await withoutPython();
  await step(page).fill("1");
  await cell(page, "G", 4).hover();
  assert.deepEqual(await lit(page, "x", "with"), [5, 6, 9, 10]);
  assert.deepEqual(await lit(page, "dx", "into"), [5, 6, 9, 10]);
  assert.deepEqual(await figure(page, "dx").first().locator("td[data-role=into] .note").allTextContents(), [
    "+1",
    "+2",
    "+3",
    "+4",
  ]);
  await toTheEnd(page);
  await cell(page, "dx", 5).hover();
  assert.deepEqual(await lit(page, "G", "with"), [0, 1, 3, 4]);
  assert.match(await explanation(page).innerText(), /= 1·4 \+ 1·3 \+ 1·2 \+ 1·1 = 10/);
  await page.getByRole("tab", { name: "Finite differences" }).hover();
  assert.deepEqual(await lit(page, "G", "here"), [8]);
  await context.close();
});

test("by keys alone: to a pixel of dx, its sum in words, and back through the walk", async () => {
  const { page, context } = await withoutPython();
  await toTheEnd(page);
  await cell(page, "dx", 0).focus();
  for (const key of ["ArrowDown", "ArrowRight"]) await page.keyboard.press(key);
  assert.match(await explanation(page).innerText(), /^dx\[0,1,1\] = Σ/);
  await page.getByRole("status").filter({ hasText: "1·4 + 1·3 + 1·2 + 1·1 = 10" }).waitFor();
  await step(page).focus();
  await page.keyboard.press("Home");
  assert.equal(await values(figure(page, "dx", "of x")), new Array(16).fill(0).join(" "));
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  assert.equal(await step(page).getAttribute("aria-valuetext"), "step 2 of 9, (o,i,j) = (0,0,1)");
  assert.equal(await values(figure(page, "dx", "of x")), "1 3 2 0 3 7 4 0 0 0 0 0 0 0 0 0");
  await context.close();
});

test("numbers are changed by keys and by a second press, and kept", async () => {
  const { page, context } = await withoutPython();
  await cell(page, "G", 0).focus();
  await page.keyboard.type("-3");
  await page.keyboard.press("Enter");
  await toTheEnd(page);
  assert.match(await values(figure(page, "dx", "of x")), /^−3 −5 3 2/);
  await cell(page, "W", 3).click();
  await cell(page, "W", 3).click();
  await page.keyboard.type("0.5");
  await page.keyboard.press("Tab");
  assert.equal(await cell(page, "W", 3).locator(".value").textContent(), "0.5");
  await cell(page, "x", 0).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.type("9");
  await page.keyboard.press("Escape");
  assert.equal(await cell(page, "x", 0).locator(".value").textContent(), "0");
  await page.reload();
  assert.equal(await cell(page, "G", 0).locator(".value").textContent(), "−3");
  await context.close();
});

test("sizes are changed, and several channels are drawn", async () => {
  const { page, context } = await withoutPython();
  await page.getByText("Other numbers and sizes").click();
  // By keys, as it is done: Firefox's driver fills a number beside what stands there, and tells no change.
  const type = async (name, number) => {
    await page.getByRole("spinbutton", { name }).focus();
    await page.keyboard.press("Control+a");
    await page.keyboard.type(number);
    await page.keyboard.press("Tab");
  };
  await type("channels of x", "3");
  await type("rows of a kernel", "99");
  await figure(page, "x").locator("table").nth(2).waitFor();
  assert.match(await figure(page, "W").locator("figcaption").innerText(), /\(1, 3, 4, 2\)/);
  await page.getByRole("button", { name: "One gradient (the first example)" }).click();
  await toTheEnd(page);
  assert.equal(await values(figure(page, "dW", "of W")), "0 1 4 5");
  await context.close();
});

test("the walk plays, and stops where it is paused", async () => {
  const { page, context } = await withoutPython();
  await page.getByRole("button", { name: "Play" }).click();
  await page.waitForFunction(() => document.querySelector(".player input").value === "2");
  await page.getByRole("button", { name: "Pause" }).click();
  const at = await step(page).inputValue();
  await page.waitForTimeout(900);
  assert.equal(await step(page).inputValue(), at);
  await context.close();
});

test("overwriting is seen to overwrite, step by step beside the reference", async () => {
  const page = await lab.fresh();
  await enter(page, "05", OVERWRITES);
  await pythonReady(page);
  await page.getByRole("button", { name: "Trace your code" }).click();
  const own = figure(page, "dx", "yours");
  await own.waitFor();
  await step(page).fill("2");
  assert.equal(await values(figure(page, "dx", "of x")), "1 3 2 0 3 7 4 0 0 0 0 0 0 0 0 0");
  assert.equal(await values(own), "1 1 2 0 3 3 4 0 0 0 0 0 0 0 0 0");
  assert.equal(
    await page.locator(".cm-step").innerText(),
    OVERWRITES.split("\n")[6],
    "the line of the step is marked in the editor",
  );
  assert.equal(await own.locator("td.wrong").count(), 2);
  assert.equal(await own.locator('td[data-place="1"] .note').textContent(), "2→1");
  assert.match(
    await page.locator(".trace-words").innerText(),
    /^Line 7 \(o = 0, i = 0, j = 1\)\. dx differs from the reference where ≠ stands\./,
  );
  assert.equal(await figure(page, "dW", "yours").locator("td.wrong").count(), 0);
});

for (const number of ["01", "02", "03"]) {
  test(`${number}: code of a forward pass is traced too, its line marked`, async () => {
    const page = await lab.fresh();
    const problem = CATALOGUE.problems.find((one) => one.number === number);
    await enter(page, number, problem.solution);
    await pythonReady(page);
    await page.getByRole("button", { name: "Trace your code" }).click();
    await figure(page, "out", "yours").waitFor();
    await step(page).fill("2");
    assert.match(await page.locator(".trace-words").innerText(), /^Line \d+ \([a-z] = 0, i = 0, j = 1\)\./);
    assert.equal(await page.locator(".cm-step").count(), 1);
    await toTheEnd(page);
    await traceWords(page, "Both end the same.").waitFor();
    await enter(page, number, problem.wrong_answers[0].code);
    await page.getByText("Your code has changed since").waitFor();
    await page.getByRole("button", { name: "Trace your code" }).click();
    await page.getByText("Your code has changed since").waitFor({ state: "hidden" });
    await toTheEnd(page);
    await page
      .locator(".trace-words", { hasText: /differs from the reference|has not the right shape/ })
      .waitFor();
  });
}

const STAGES = ["conv", "relu", "pool", "scores", "p"];
const traced = async (page) => {
  await page.getByRole("button", { name: "Trace your code" }).first().click();
  // Of the code before, it says that the code has changed since.
  await page.locator(".trace-words", { hasText: /Traced: play it, or go step by step\.\s*$/ }).waitFor();
};
const words = (page) => page.locator(".trace-words:visible");
const differing = async (page) => {
  const all = await page.locator(".yours:visible").all();
  const wrong = await Promise.all(all.map((one) => one.locator("td.wrong").count()));
  const names = await Promise.all(all.map((one) => one.getAttribute("data-array")));
  return names.filter((_, place) => wrong[place] > 0);
};

test("06: the arrays of the learner's own network stand beside the reference's, and the first wrong one is told", async () => {
  const page = await lab.fresh();
  const { solution, wrong_answers } = CATALOGUE.problems[5];
  await enter(page, "06", solution);
  await traced(page);
  for (const [place, name] of STAGES.entries()) {
    await step(page).fill(String(place + 1));
    assert.ok(await figure(page, name, "yours").isVisible(), name);
    assert.match(await words(page).innerText(), /^Line \d+\./);
  }
  assert.equal(await page.locator(".cm-step").innerText(), "    return powers / powers.sum()");
  assert.deepEqual(await differing(page), []);
  await step(page).fill("6");
  assert.match(await words(page).innerText(), /goes forward only/);
  assert.equal(await page.locator(".yours:visible").count(), 0);
  const mean = wrong_answers.find(({ cause }) => cause === "mean-for-max").code;
  await step(page).fill("0");
  await enter(page, "06", mean);
  await traced(page);
  await step(page).fill("2");
  assert.deepEqual(await differing(page), []);
  await step(page).fill("5");
  assert.deepEqual(await differing(page), ["pool", "scores", "p"]);
  assert.match(await words(page).innerText(), /pool differs from the reference where ≠ stands/);
  const without = wrong_answers.find(({ cause }) => cause === "relu-left-out").code;
  await step(page).fill("0");
  await enter(page, "06", without);
  await traced(page);
  await step(page).fill("2");
  assert.match(await words(page).innerText(), /No array of your code is known to be “relu”/);
});

test("04: of softmax the powers may be shifted as the learner likes, and the shares may not", async () => {
  const page = await lab.fresh();
  const { solution, wrong_answers } = CATALOGUE.problems[3];
  await enter(page, "04", solution);
  await traced(page);
  await toTheEnd(page);
  assert.deepEqual(await differing(page), []);
  assert.match(await words(page).innerText(), /What it returns is right/);
  assert.equal(await values(figure(page, "powers", "yours")), "0.3679 1 0.04979");
  await enter(page, "04", wrong_answers.find(({ cause }) => cause === "softmax-overflows").code);
  await page.getByText("Your code has changed since").waitFor();
  await step(page).fill("0");
  await traced(page);
  await toTheEnd(page);
  assert.equal(await values(figure(page, "powers", "yours")), "inf inf inf");
  assert.deepEqual(await differing(page), ["probabilities"]);
  await page.getByRole("tab", { name: "Picture of ReLU" }).click();
  await enter(page, "04", wrong_answers.find(({ cause }) => cause === "relu-absolute").code);
  const relu = page.locator(".picture:visible");
  await relu.getByRole("button", { name: "Trace your code" }).click();
  await relu.getByText("Traced: play it").waitFor();
  await relu.getByRole("slider", { name: "Step", exact: true }).fill("1");
  assert.match(await words(page).innerText(), /^Line 5\. out differs from the reference/);
});

test("right code ends the same, new numbers are traced again, and changed code says so", async () => {
  const page = await lab.fresh();
  await enter(page, "05", RIGHT);
  await pythonReady(page);
  await page.getByRole("button", { name: "Trace your code" }).click();
  await page.locator(".trace-words", { hasText: "Traced: play it" }).waitFor();
  await toTheEnd(page);
  await traceWords(page, "Both end the same.").waitFor();
  await page.getByText("Other numbers and sizes").click();
  await page.getByRole("button", { name: "Two channels, two kernels" }).click();
  await page.locator(".trace-words", { hasText: "Traced: play it" }).waitFor();
  await toTheEnd(page);
  await traceWords(page, "Both end the same.").waitFor();
  assert.equal(await figure(page, "dW", "yours").locator("table").count(), 4);
  await enter(page, "05", VECTORISED);
  await step(page).fill("1");
  await page.getByText("Your code has changed since").waitFor();
  await page.getByRole("button", { name: "Trace your code" }).click();
  await traceWords(page, "there is nothing to play").waitFor();
});

for (const [what, code, words] of [
  ["an error", RIGHT.replace("return dx", "return undefined + dx"), "NameError"],
  ["a syntax error", "def conv2d_backward(", "SyntaxError"],
  [
    "an endless loop",
    RIGHT.replace("    return", "    while True: pass\n    return"),
    "too long to be traced",
  ],
]) {
  test(`the trace of ${what} says so, and the page lives`, async () => {
    const page = await lab.fresh();
    await enter(page, "05", code);
    await pythonReady(page);
    await page.getByRole("button", { name: "Trace your code" }).click();
    await page.locator(".trace-words", { hasText: /./ }).waitFor();
    await toTheEnd(page);
    await page.locator(".trace-words", { hasText: words }).waitFor();
  });
}

test("finite differences: the step, the precision and the loss", async () => {
  const { page, context } = await withoutPython();
  await page.getByRole("tab", { name: "Finite differences" }).click();
  const verdict = page.locator(".differences .verdict");
  const slider = page.getByRole("slider", { name: "Step ε" });
  await slider.fill("0");
  assert.match(await verdict.innerText(), /^error 0, exactly.*passes/);
  await slider.fill("-13");
  assert.match(await verdict.innerText(), /right code fails/);
  await slider.fill("-5");
  assert.match(await verdict.innerText(), /passes/);
  await page.getByRole("radio", { name: "float32" }).check();
  assert.match(await verdict.innerText(), /right code fails/);
  await page.getByRole("radio", { name: "curved" }).check();
  await slider.fill("1");
  assert.match(await verdict.innerText(), /right code fails/);
  assert.match(
    await page
      .getByRole("img", { name: /^The error of the difference over the step, in float32/ })
      .getAttribute("aria-label"),
    /on the curved loss least/,
  );
  await context.close();
});

test("speed: three medians, and none for a wrong answer", async () => {
  const page = await lab.fresh();
  await enter(page, "05", RIGHT);
  await pythonReady(page);
  await page.getByRole("tab", { name: "Speed" }).click();
  const rows = page.getByRole("table", { name: "Median time of a call" }).getByRole("row");
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.getByText("The fast engine here").waitFor({ timeout: 60_000 });
  for (const name of ["your code", "the reference's loops", "dxdw, the fast engine"]) {
    assert.match(await rows.filter({ hasText: name }).innerText(), /[\d.]+ (µs|ms|s)\s+[\d.]+ ×/);
  }
  await enter(page, "05", OVERWRITES);
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.getByText("dx is wrong, so its speed is of no interest").waitFor({ timeout: 60_000 });
  assert.match(await rows.filter({ hasText: "your code" }).innerText(), /—/);
});

test("measuring an endless loop is stopped by the same button", async () => {
  const page = await lab.fresh();
  await enter(page, "05", "def conv2d_backward(grad_out, x, W):\n    while True:\n        pass\n");
  await pythonReady(page);
  await page.getByRole("tab", { name: "Speed" }).click();
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.getByRole("button", { name: "Stop measuring" }).click();
  await page.getByRole("button", { name: "Measure", exact: true }).waitFor({ timeout: 2000 });
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 1280]) {
    test(`axe-core finds nothing in the pictures with everything open, ${width} px, ${colorScheme}`, async () => {
      const page = await lab.fresh({ colorScheme, viewport: { width, height: 800 } });
      await enter(page, "05", OVERWRITES);
      await pythonReady(page);
      if (width < 1024) await page.locator(".place", { hasText: "Picture" }).click();
      await page.getByText("Other numbers and sizes").click();
      await page.getByRole("button", { name: "Two channels, two kernels" }).click();
      await page.getByRole("button", { name: "Trace your code" }).click();
      await figure(page, "dx", "yours").waitFor();
      await cell(page, "dx", 5).focus();
      assert.deepEqual(await violations(page, ".picture-pane"), []);
      assert.ok(await within(page));
    });
  }
}
