/** Every solution passes and every typical wrong answer gets its name, through the page. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CATALOGUE, enter, launch, open, pythonReady, run, serve } from "./lab.mjs";

const SEED_TESTS = [
  "Returns two arrays with correct shapes",
  "Diagnostic: dW matches finite-difference numerical gradient",
  "Diagnostic: dx matches finite-difference numerical gradient",
  "Zero grad_out -> zero gradients on both x and W",
  "With a nonzero grad_out at a single position, dW reflects the corresponding x patch",
];

let server, browser, lab;
before(async () => {
  server = await serve();
  browser = await launch();
  lab = await open(browser, server.address);
  await pythonReady(lab.page);
});
after(async () => {
  await browser?.close();
  server?.end();
});

for (const problem of CATALOGUE.problems) {
  test(`${problem.number}: the solution passes every test`, async () => {
    await enter(lab.page, problem.number, problem.solution);
    const { items, verdict } = await run(lab.page);
    assert.equal(items.length, Object.keys(problem.tests).length);
    for (const text of items) assert.match(text, /^passed/);
    const extra = items.length - 5;
    assert.match(
      verdict,
      new RegExp(`^(✓ ?){5}Solved 5 of 5 tests pass Extra checks: ${extra} of ${extra}$`),
    );
    const link = lab.page
      .getByRole("navigation")
      .getByRole("link", { name: new RegExp(`^${problem.number}`) });
    assert.match(await link.innerText(), /solved/);
    lab.clean();
  });

  for (const { cause, code } of problem.wrong_answers) {
    test(`${problem.number}: ${cause} gets its name`, async () => {
      await enter(lab.page, problem.number, code);
      const { items } = await run(lab.page);
      assert.ok(items.some((text) => text.startsWith("failed")));
      const named = await lab.page.locator(".finding .names code").allInnerTexts();
      assert.deepEqual(named, [cause]);
      assert.match(await lab.page.locator(".finding .question").innerText(), /^Hint: .*\?$/s);
      lab.clean();
    });
  }
}

test("05: the five tests of the exercise have their names, and come first", async () => {
  await enter(lab.page, "05", CATALOGUE.problems[4].starter);
  const { items } = await run(lab.page);
  for (const [place, name] of SEED_TESTS.entries()) assert.ok(items[place].includes(name), items[place]);
  assert.match(items[0], /^passed/);
  assert.match(items[1], /^failed/);
});

test("05: a failure shows the difference, its first wrong element marked", async () => {
  const { code } = CATALOGUE.problems[4].wrong_answers.find(({ cause }) => cause === "dx-overwritten");
  await enter(lab.page, "05", code);
  await run(lab.page);
  const tables = lab.page.locator(".finding table.array");
  assert.ok((await tables.count()) >= 6);
  const marked = lab.page.locator(".finding table.array td.first");
  assert.match(await marked.first().innerText(), /the first wrong element/);
});
