/** By the keyboard alone, by a screen reader, on a phone, in the dark: axe-core finds nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  editor,
  ended,
  enter,
  pythonReady,
  run,
  runButton,
  shared,
  stopButton,
  violations,
  within,
} from "./lab.mjs";

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

/** On a small screen, another pane. */
async function place(page, name) {
  const button = page.locator(".place", { hasText: name });
  if (await button.isVisible()) await button.click();
}

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 1280, 1920]) {
    test(`axe-core finds nothing, and nothing is wider than ${width} px, ${colorScheme}`, async () => {
      const page = await lab.fresh({ colorScheme, viewport: { width, height: 800 } });
      for (const number of ["01", "02", "03", "04", "06", "digits", "05"]) {
        await enter(page, number, "");
        assert.deepEqual(await violations(page), [], number);
        assert.ok(await within(page), number);
      }
      await enter(page, "05", WRONG);
      await run(page);
      assert.deepEqual(await violations(page), [], "verdict");
      await place(page, "Verdict");
      await page.getByRole("tab", { name: "Your own cases" }).click();
      await page.getByRole("button", { name: "Add a case" }).click();
      await run(page);
      await page.getByRole("tab", { name: "Your own cases" }).click();
      assert.deepEqual(await violations(page), [], "cases");
      for (const name of ["Code", "Picture", "Problem"]) {
        await place(page, name);
        assert.deepEqual(await violations(page), [], name);
      }
      await page.getByRole("tab", { name: "Hints and solution" }).click();
      for (const details of await page.locator("details").all())
        await details.evaluate((e) => (e.open = true));
      assert.deepEqual(await violations(page), []);
      assert.ok(await within(page));
    });
  }
}

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
        key: element.matches("a[href], button, summary, textarea, input, select")
          ? element.dataset.seen
          : null,
        ring:
          style.outlineStyle !== "none" || element.closest(".editor") !== null || element === document.body,
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
  const waiting = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  const download = await waiting;
  assert.equal(download.suggestedFilename(), "conv2d_backward.py");
  const path = `${await download.path()}.py`;
  await download.saveAs(path);
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
