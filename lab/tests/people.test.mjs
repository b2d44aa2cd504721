/** By the keyboard alone, by a screen reader, without motion. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { downloaded, editor, ended, enter, pythonReady, run, runButton, shared, stopButton } from "./lab.mjs";

const WRONG = `import numpy as np
def conv2d_backward(grad_out, x, W):
    print("hello")
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j in np.ndindex(*grad_out.shape):
        dW[o] += grad_out[o, i, j] * x[:, i:i+kH, j:j+kW]
        dx[:, i:i+kH, j:j+kW] = grad_out[o, i, j] * W[o]
    return dx, dW
`;

const lab = shared();

test("by the keyboard alone: from the address bar to a result and back out of the editor", async () => {
  const { page, context, clean } = await lab.open();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the editor");
  await page.keyboard.press("Enter");
  assert.ok(await editor(page).evaluate((element) => element === document.activeElement));
  await page.keyboard.press("Control+a");
  await page.keyboard.type("def conv2d_backward(grad_out, x, W):\nreturn x, W");
  await page.keyboard.press("Control+Enter");
  await ended(page);
  assert.match(await page.locator(".summary").innerText(), /of 5 tests pass/);
  await page.keyboard.press("Escape");
  const reached = () => runButton(page).evaluate((element) => element === document.activeElement);
  for (let press = 0; press < 5 && !(await reached()); press++) await page.keyboard.press("Shift+Tab");
  assert.ok(await reached());
  await page.keyboard.press("Enter");
  await ended(page);
  assert.ok(await runButton(page).isEnabled());
  clean();
  await context.close();
});

test("every control can be reached, and shows that it is", async () => {
  const { page, context } = await lab.open();
  await pythonReady(page);
  const controls = await page.evaluate(() => {
    // Of radio buttons the chosen one; arrow keys go from it to the others.
    const kinds =
      "a[href], button:not(:disabled), summary, textarea, select, input:not([type=radio]), :checked";
    const all = [...document.querySelectorAll(kinds)];
    // Of tabs too: arrow keys go from the chosen one to the others.
    return all.filter((element) => element.checkVisibility() && element.tabIndex >= 0).length;
  });
  const reached = new Set();
  for (let press = 0; press < controls + 40; press++) {
    await page.keyboard.press("Tab");
    const { key, ring, inEditor } = await page.evaluate(() => {
      const element = document.activeElement;
      element.dataset.seen ??= String(Math.random());
      const style = getComputedStyle(element);
      return {
        // After the last control Firefox goes through its own bar, and the page is without the focus.
        key:
          document.hasFocus() && element.matches("a[href], button, summary, textarea, input, select")
            ? element.dataset.seen
            : null,
        ring:
          !document.hasFocus() ||
          style.outlineStyle !== "none" ||
          element.closest(".editor") !== null ||
          element === document.body,
        inEditor: element.closest(".cm-editor") !== null,
      };
    });
    assert.ok(ring);
    if (key) reached.add(key);
    if (inEditor) await page.keyboard.press("Escape");
  }
  assert.equal(reached.size, controls);
  await context.close();
});

test("names, roles and live regions", async () => {
  const page = await lab.fresh();
  assert.equal(await runButton(page).count(), 1);
  assert.equal(await stopButton(page).count(), 1);
  assert.ok(await stopButton(page).isDisabled());
  assert.equal(await page.getByRole("list", { name: "Tests" }).count(), 1);
  await enter(page, "05", WRONG);
  await run(page);
  await page
    .getByRole("status")
    .filter({ hasText: /Not solved yet 4 of 5 tests pass .*dx is assigned/ })
    .waitFor();
});

test("nothing moves while it loads", async () => {
  for (const width of [360, 1280]) {
    const { page, context } = await lab.open({ viewport: { width, height: 800 } });
    await pythonReady(page);
    const shift = await page.evaluate(
      () =>
        new Promise((resolve) => {
          new PerformanceObserver((list) => {
            resolve(list.getEntries().reduce((sum, { value }) => sum + value, 0));
          }).observe({ type: "layout-shift", buffered: true });
          setTimeout(() => resolve(0), 500);
        }),
    );
    assert.equal(shift, 0, `${width} px`);
    await context.close();
  }
});

test("who wants less motion gets none", async () => {
  const { page, context } = await lab.open({ reducedMotion: "reduce" });
  const moving = await page.evaluate(() =>
    [...document.querySelectorAll("*")]
      .filter((element) => {
        const style = getComputedStyle(element);
        return (
          style.transitionDuration !== "0s" ||
          style.animationName !== "none" ||
          style.scrollBehavior === "smooth"
        );
      })
      .map((element) => element.outerHTML.slice(0, 80)),
  );
  assert.deepEqual(
    moving.filter((html) => !html.includes("cm-")),
    [],
  );
  await context.close();
});

test("what is downloaded is what dxdw check takes", async () => {
  const { execFileSync } = await import("node:child_process");
  const { PYTHON } = await import("../building/files.mjs");
  const page = await lab.fresh();
  await enter(page, "05", WRONG);
  const press = () => page.getByRole("button", { name: "Download" }).click();
  const path = await downloaded(page, press, "conv2d_backward.py");
  let told;
  try {
    told = execFileSync(PYTHON, ["-m", "dxdw", "check", `${path}:conv2d_backward`, "--json"], {
      encoding: "utf8",
    });
  } catch (error) {
    assert.equal(error.status, 1);
    told = error.stdout;
  }
  assert.deepEqual(JSON.parse(told).causes, ["dx-overwritten"]);
});
