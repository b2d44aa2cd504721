/** Whatever the learner's code does, the page stays usable; with isolation and without. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  editor,
  ended,
  enter,
  items,
  launch,
  open,
  opened,
  pythonReady,
  run,
  runButton,
  STOP_MS,
  serve,
  stopButton,
  summary,
} from "./lab.mjs";

const IN = "def conv2d_backward(grad_out, x, W):\n";
const FAULTS = {
  "a syntax error": { code: `${IN}    return (\n`, summary: /SyntaxError.*Show line 2/ },
  "an indentation error": { code: `${IN}return 1\n`, summary: /IndentationError.*Show line 2/ },
  "an exception at the top": { code: "1 / 0\n", summary: /ZeroDivisionError.*Show line 1/ },
  "no such function": { code: "def other():\n    pass\n", summary: /there is no conv2d_backward/ },
  "an exception inside": {
    code: `${IN}    return grad_out + missing\n`,
    summary: /0 of 5 tests pass.*NameError/,
  },
  "nothing returned": { code: `${IN}    pass\n`, summary: /it returned None/ },
  "an exit": { code: `import sys\n${IN}    sys.exit(1)\n`, summary: /SystemExit/ },
  "endless recursion": {
    code: `${IN}    return conv2d_backward(grad_out, x, W)\n`,
    summary: /RecursionError/,
  },
  "a memory hog of lists": {
    code: `${IN}    a = []\n    while True:\n        a.append(bytearray(10**7))\n`,
    summary: /MemoryError/,
  },
  "a memory hog of arrays": {
    code: `import numpy as np\n${IN}    return np.ones((10**4, 10**4, 2)), W\n`,
    summary: /MemoryError/,
  },
  "an array of more than there is": {
    code: `import numpy as np\n${IN}    return np.ones((10**5, 10**5)), W\n`,
    summary: /array is too big/,
  },
};
const SOLUTION = `import numpy as np
def conv2d_backward(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j in np.ndindex(*grad_out.shape):
        dW[o] += grad_out[o, i, j] * x[:, i:i+kH, j:j+kW]
        dx[:, i:i+kH, j:j+kW] += grad_out[o, i, j] * W[o]
    return dx, dW
`;
const LOOPS = {
  "an endless loop": `${IN}    while True:\n        pass\n`,
  "an endless loop that catches everything": `${IN}    while True:\n        try:\n            while True:\n                pass\n        except BaseException:\n            pass\n`,
  "an endless loop at the top": "while True:\n    pass\n",
  "an endless loop that prints": `${IN}    while True:\n        print("again")\n`,
  "a long call of NumPy": `import numpy as np\n${IN}    np.sort(np.random.rand(10**7 * 5))\n    return x, W\n`,
};

for (const isolated of [true, false]) {
  describe(isolated ? "isolated" : "not isolated", () => {
    let server, browser, lab;
    before(async () => {
      server = await serve({ isolated });
      browser = await launch();
      lab = await open(browser, server.address);
      await pythonReady(lab.page);
      assert.equal(await lab.page.evaluate(() => crossOriginIsolated), isolated);
    });
    after(async () => {
      await browser?.close();
      server?.end();
    });

    async function usable() {
      await enter(lab.page, "05", SOLUTION);
      const { summary: said } = await run(lab.page);
      assert.match(said, /^Solved 5 of 5 tests pass$/);
      lab.clean();
    }

    for (const [name, { code, summary: expected }] of isolated ? Object.entries(FAULTS) : []) {
      test(name, async () => {
        await enter(lab.page, "05", code);
        const { verdict: said } = await run(lab.page);
        assert.match(said, expected);
        await usable();
      });
    }

    for (const [name, code] of Object.entries(LOOPS)) {
      test(`${name} is stopped, and the page goes on`, async () => {
        await enter(lab.page, "05", code);
        await runButton(lab.page).click();
        await lab.page.locator('.python[data-state="running"]').waitFor();
        await lab.page.waitForTimeout(500); // into the loop
        assert.ok(await stopButton(lab.page).isEnabled());
        await stopButton(lab.page).click();
        await ended(lab.page, STOP_MS);
        assert.match(await summary(lab.page).innerText(), /^Stopped/);
        await usable();
      });
    }

    test("Escape stops, and a run that waits for Python too", async () => {
      await enter(lab.page, "05", LOOPS["an endless loop"]);
      await editor(lab.page).focus();
      await lab.page.keyboard.press("Control+Enter");
      await lab.page.waitForTimeout(500);
      await lab.page.keyboard.press("Escape");
      await ended(lab.page, STOP_MS);
      await lab.page.reload();
      await runButton(lab.page).click();
      await lab.page.keyboard.press("Escape");
      await ended(lab.page, STOP_MS);
      await pythonReady(lab.page);
      await usable();
    });

    test("a flood of printing is batched and capped", async () => {
      await enter(lab.page, "05", `print("begin")\n${SOLUTION}for n in range(200_000):\n    print(n)\n`);
      const { summary: said } = await run(lab.page);
      assert.match(said, /^Solved 5 of 5 tests pass$/);
      const printed = await lab.page.locator(".output pre").innerText();
      assert.ok(printed.startsWith("begin\n0\n1\n2\n"));
      assert.match(printed, /… and [\d,]{7,} characters more$/);
      assert.ok(printed.length < 25_000);
      await usable();
    });
  });
}

test("what a run found is there item by item", async (t) => {
  const lab = await opened(t);
  await enter(lab.page, "05", SOLUTION.replace("dx[:, i:i+kH, j:j+kW] +=", "dx[:, i:i+kH, j:j+kW] ="));
  await run(lab.page);
  for (const text of await items(lab.page).allInnerTexts()) assert.match(text, /^(passed|failed|not run)/);
  lab.clean();
});

test("where Python can't be started the page says so, and is there to read", async (t) => {
  const { page } = await opened(t);
  await page.route("**/*.wasm*", (route) => route.abort());
  await page.reload();
  await page.locator('.python[data-state="failed"]', { hasText: "Python could not be started" }).waitFor();
  assert.equal(await runButton(page).getAttribute("aria-disabled"), "true");
  assert.ok(await editor(page).isVisible());
});
