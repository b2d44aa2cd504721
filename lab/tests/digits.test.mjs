/** The last step: a network trained in the page with the learner's own functions, and digits drawn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CATALOGUE, enter, run, STOP_MS, shared, violations, within } from "./lab.mjs";

const SOLUTIONS = Object.fromEntries(CATALOGUE.problems.map(({ number, solution }) => [number, solution]));

/** It hears no interrupt, so that Python has to be replaced. */
const UNSTOPPABLE = `def conv2d_backward(grad_out, x, W):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
`;

const lab = shared();

/** A solution that takes 50 ms more for each image: a batch is longer than Stop waits for its end. */
const slowly = (code) => `import time
${code}
quick = max_pool_2d

def max_pool_2d(*args, **named):
    until = time.perf_counter() + 0.05
    while time.perf_counter() < until:
        pass
    return quick(*args, **named)
`;

/** The page of digits, of a learner who has solved some problems, if need be with other code than ours. */
async function digits(solved, options, codes = SOLUTIONS) {
  const page = await lab.fresh(options);
  await page.evaluate(
    ([codes, numbers]) => {
      for (const number of numbers)
        localStorage.setItem(`dxdw-lab/code/${number}`, JSON.stringify(codes[number]));
      localStorage.setItem("dxdw-lab/solved", JSON.stringify(numbers));
    },
    [codes, solved],
  );
  await page.evaluate(() => {
    location.hash = "#digits";
  });
  await page.reload(); // what was trained in a test before stays as long as the page
  await train(page).waitFor();
  await page.locator("button.run:enabled").waitFor({ timeout: 30_000 });
  return page;
}

const train = (page) => page.getByRole("button", { name: "Train", exact: true });
const stop = (page) => page.getByRole("button", { name: "Stop training" });
const said = (page) => page.locator(".training .trace-words");

async function show(page, place, title) {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, place);
  await page.waitForFunction((words) => document.title.startsWith(words), title);
}

async function trained(page) {
  await train(page).click();
  await page.locator(".training .trace-words", { hasText: /^(Trained|Ended)/ }).waitFor({ timeout: 180_000 });
  return Number((await said(page).innerText()).match(/([\d.]+) %/)[1]);
}

test("what is solved is the learner's, and nothing else can be chosen", async () => {
  const page = await digits(["01", "05"]);
  const boxes = page.getByRole("group", { name: "Your own functions" }).getByRole("checkbox");
  assert.deepEqual(
    await boxes.evaluateAll((all) => all.map(({ checked, disabled }) => [checked, disabled])),
    [
      [true, false],
      [false, true],
      [false, true],
      [false, true],
      [true, false],
    ],
  );
});

test("the learner's own loops train slice by slice, Stop answers, and the network reads", async () => {
  const page = await digits(["01", "03", "04", "05"]);
  await train(page).click();
  await page.locator(".training .trace-words", { hasText: /^Batch [3-9]/ }).waitFor({ timeout: 60_000 });
  assert.match(await said(page).innerText(), /^Batch \d+ of 135, (\d s|about \d+ (s|min)) left\.$/);
  const lefts = await page
    .locator(".kernels table")
    .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().left));
  assert.equal(new Set(lefts).size, 3, "two rows of three kernels");
  assert.deepEqual(lefts.slice(0, 3), lefts.slice(3));
  await stop(page).click();
  await page.locator("button.run:enabled").waitFor({ timeout: STOP_MS });
  assert.match(await said(page).innerText(), /^Stopped after \d+ of 135 batches\./);
  await page.getByRole("button", { name: "A held-out digit" }).click();
  await page.locator(".reading .verdict", { hasText: /^It reads a \d/ }).waitFor();
});

test("Stop in the middle of a long batch says after how many, and the network reads", async () => {
  const page = await digits(["03"], {}, { ...SOLUTIONS, "03": slowly(SOLUTIONS["03"]) });
  await train(page).click();
  await page.locator(".training .trace-words", { hasText: /^Batch 1 / }).waitFor({ timeout: 60_000 });
  await stop(page).click();
  await page.locator("button.run:enabled").waitFor({ timeout: STOP_MS });
  assert.match(
    await said(page).innerText(),
    /^Stopped after \d of 135 batches\. The network is as it was then\./,
  );
  await page.getByRole("button", { name: "A held-out digit" }).click();
  await page.locator(".reading .verdict", { hasText: /^It reads a \d/ }).waitFor();
});

test("with the reference's functions it learns; with a mistake in the gradient it learns less", async () => {
  const page = await digits([]);
  const right = await trained(page);
  await page
    .getByRole("combobox", { name: "Put a mistake into the gradient" })
    .selectOption("dw-overwritten");
  const wrong = await trained(page);
  assert.ok(right > 85 && wrong < right - 5, `${right} and ${wrong}`);
  const rows = page.getByRole("table", { name: "Trainings" }).getByRole("row");
  assert.match(await rows.nth(2).innerText(), /^dw-overwritten in the reference.s conv2d_backward/);
  assert.equal(await page.locator(".plot polyline").count(), 2);
});

test("a training waits while a problem is visited, whose run takes Python, and goes on afterwards", async () => {
  const page = await digits(["01", "03", "04", "05"]);
  const at = async () => Number((await said(page).innerText()).match(/^Batch (\d+)/)[1]);
  await train(page).click();
  await page.locator(".training .trace-words", { hasText: /^Batch [2-9]/ }).waitFor({ timeout: 60_000 });
  await show(page, "#02", "Padding and stride");
  await page.getByText("Python is ready").waitFor();
  await enter(page, "02", SOLUTIONS["02"]);
  const { verdict } = await run(page);
  assert.match(verdict, /Solved/);
  await show(page, "#digits", "Train on digits");
  const before = await at();
  await page.waitForFunction(
    (batch) => Number(document.querySelector(".trace-words").innerText.match(/^Batch (\d+)/)[1]) > batch + 1,
    before,
  );
  await stop(page).click();
  await page.locator(".training .trace-words", { hasText: /^Stopped after/ }).waitFor({ timeout: STOP_MS });
});

test("a training whose Python is lost while a problem is visited says so", async () => {
  const page = await digits(["01", "03", "04", "05"]);
  await train(page).click();
  await page.locator(".training .trace-words", { hasText: /^Batch [2-9]/ }).waitFor({ timeout: 60_000 });
  await show(page, "#05", "Convolution backward");
  await page.getByText("Python is ready").waitFor();
  await enter(page, "05", UNSTOPPABLE);
  await page.keyboard.press("Control+Enter");
  await page.locator(".python", { hasText: "running" }).waitFor();
  await page.waitForTimeout(500);
  await page.keyboard.press("Escape");
  await page.locator(".python", { hasText: "ready" }).waitFor({ timeout: 60_000 });
  await show(page, "#digits", "Train on digits");
  await page.locator(".training .trace-words", { hasText: /^Ended after \d+ batches: Python/ }).waitFor();
  await page.locator("button.run:enabled").waitFor();
});

test("a network that was trained is there after a visit to a problem, and what was solved there is known", async () => {
  const page = await digits([]);
  await trained(page);
  await show(page, "#01", "Convolution");
  await enter(page, "01", SOLUTIONS["01"]);
  await run(page);
  await show(page, "#digits", "Train");
  assert.match(await said(page).innerText(), /^Trained/);
  assert.equal(await page.locator(".plot polyline").count(), 1);
  assert.ok(await page.getByRole("checkbox", { name: /conv2d_naive of 01, solved/ }).isChecked());
  await page.getByRole("button", { name: "A held-out digit" }).click();
  await page.locator(".reading .verdict", { hasText: /^It reads a \d/ }).waitFor();
});

test("a digit is drawn with the mouse, or put by keys, and read", async () => {
  const page = await digits([]);
  await trained(page);
  const pad = await page.locator(".pad").boundingBox();
  const to = (x, y, options) => page.mouse.move(pad.x + x, pad.y + y, options);
  await to(60, 50);
  await page.mouse.down();
  await to(180, 50, { steps: 8 });
  await to(100, 200, { steps: 8 });
  await page.mouse.up();
  await page.locator(".reading .verdict", { hasText: /^It reads a 7/ }).waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  const ink = page.getByRole("grid", { name: "as the network gets it" });
  await ink.getByRole("gridcell").nth(3).focus();
  for (let row = 0; row < 8; row++) {
    for (const column of [3, 4]) {
      await page.keyboard.press("Space");
      await page.keyboard.press("Space");
      if (column === 3) await page.keyboard.press("ArrowRight");
    }
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowDown");
  }
  assert.match(
    await ink.getByRole("gridcell").nth(60).getAttribute("aria-label"),
    /^row 7, column 4: 100 % ink$/,
  );
  await page.locator(".reading .verdict", { hasText: /^It reads a 1/ }).waitFor();
});

test("what is drawn has the ink of the theme, after a change of it too", async () => {
  const page = await digits([]);
  const pad = await page.locator(".pad").boundingBox();
  await page.mouse.move(pad.x + 60, pad.y + 50);
  await page.mouse.down();
  await page.mouse.move(pad.x + 180, pad.y + 50, { steps: 4 });
  await page.mouse.up();
  const inks = [];
  for (const scheme of ["light", "dark"]) {
    inks.push(
      await page.locator(".pad polyline").evaluate((line, one) => {
        document.documentElement.style.colorScheme = one;
        return [getComputedStyle(line).stroke, getComputedStyle(document.body).color];
      }, scheme),
    );
  }
  for (const [ink, text] of inks) assert.equal(ink, text);
  assert.notEqual(inks[0][0], inks[1][0]);
});

test("a mistake is said with all its words, and whose gradient it is put into", async () => {
  const page = await digits(["05"]);
  const field = page.getByRole("combobox", { name: "Put a mistake into the gradient" });
  await field.selectOption("dx-overwritten");
  assert.match(
    await page.locator(".about-mistake").innerText(),
    /^dx-overwritten: dx is assigned .* into the reference's conv2d_backward, .* in place of yours/,
  );
});

test("an endless loop of the learner's is stopped, and an error says its line", async () => {
  const page = await digits(["05"]);
  const use = async (code) => {
    await page.evaluate((text) => localStorage.setItem("dxdw-lab/code/05", JSON.stringify(text)), code);
    await page.reload();
    await page.locator("button.run:enabled").waitFor({ timeout: 30_000 });
    await train(page).click();
  };
  await use(SOLUTIONS["05"].replace("    return dx, dW", "    while True: pass"));
  await page.waitForTimeout(1000);
  await stop(page).click();
  await page.locator("button.run:enabled").waitFor({ timeout: STOP_MS });
  await use(SOLUTIONS["05"].replace("    return dx, dW", "    return undefined"));
  await page.locator(".training .trace-words", { hasText: /NameError.*\(line 15\)/ }).waitFor();
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 1280]) {
    test(`axe-core finds nothing, ${width} px, ${colorScheme}`, async () => {
      const page = await digits(["05"], { colorScheme, viewport: { width, height: 800 } });
      await train(page).click();
      await page.locator(".training .trace-words", { hasText: /^Batch/ }).waitFor({ timeout: 60_000 });
      await page.getByRole("button", { name: "A held-out digit" }).click();
      await page.locator(".reading .verdict", { hasText: /^It reads/ }).waitFor();
      await stop(page).click();
      await page.locator("button.run:enabled").waitFor();
      assert.deepEqual(await violations(page), []);
      assert.ok(await within(page));
    });
  }
}
