/** On a phone, on a desk, in the dark: axe-core finds nothing, and nothing is wider than the window. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CATALOGUE, enter, run, shared, violations, within } from "./lab.mjs";

const WRONG = CATALOGUE.problems
  .find(({ number }) => number === "05")
  .wrong_answers.find(({ cause }) => cause === "dx-overwritten").code;

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
