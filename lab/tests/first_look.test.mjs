/** What somebody sees who is here for the first time: nothing has to be scrolled for at 1280 × 800. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CATALOGUE, enter, run, shared, unseen, verdict } from "./lab.mjs";

const PROBLEMS = Object.fromEntries(CATALOGUE.problems.map((problem) => [problem.number, problem]));
const wrong = (number, cause) => PROBLEMS[number].wrong_answers.find((answer) => answer.cause === cause).code;
const OVERWRITES = wrong("05", "dx-overwritten");

const lab = shared();

const go = async (page, number) => {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#${number}`);
  await page.waitForFunction((title) => document.title.startsWith(title), PROBLEMS[number].title);
};

for (const { number } of CATALOGUE.problems) {
  test(`${number}: before the first run the whole statement is seen, and each formula once`, async () => {
    const page = await lab.fresh();
    await go(page, number);
    const { hidden, formulas } = await page.evaluate(() => {
      const panel = document.querySelector(".statement-pane .panel:not([hidden])");
      return {
        hidden: panel.scrollHeight - panel.clientHeight,
        formulas: [...panel.querySelectorAll(".formula-block")].map(({ textContent }) => textContent),
      };
    });
    assert.equal(hidden, 0, "px of it are below its pane");
    assert.ok(formulas.length > 0);
    assert.equal(new Set(formulas).size, formulas.length);
    assert.deepEqual(
      await unseen(page, [".statement table", ".player", ".picture .grid td", ".mark:last-child"]),
      [],
    );
    await page.getByRole("tab", { name: "Examples" }).click();
    const examples = page.locator(".statement-pane .panel:not([hidden])");
    assert.equal(await examples.evaluate((one) => one.scrollHeight - one.clientHeight), 0, "examples");
  });
}

/** Of the latest finding what is below its pane, of what a student looks for. */
async function below(page) {
  return page.evaluate(() => {
    const bottom = document.querySelector(".verdict-pane").getBoundingClientRect().bottom;
    const wanted = [
      [".finding .mistake", Number.POSITIVE_INFINITY], // every name
      [".finding .question", 1],
      [".finding .first-wrong", 1],
      [".finding .case-head button", 2], // to see it step by step, and the hints
      [".finding .evidence table.array", 1],
      [".finding .where > .crash:first-child", 1], // where it is what is shown
    ];
    return wanted.flatMap(([selector, count]) =>
      [...document.querySelectorAll(selector)]
        .slice(0, count)
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().bottom > bottom)
        .map(() => selector),
    );
  });
}

const TYPICAL = [
  ...CATALOGUE.problems.flatMap(({ number, wrong_answers }) =>
    wrong_answers.map(({ cause, code }) => [number, cause, code]),
  ),
  ["05", "two mistakes", OVERWRITES.replace("dW[o] +=", "dW[o] =")],
  [
    "05",
    "two mistakes, of which one is long to tell",
    OVERWRITES.replace("g * x[:, i : i + kH, j : j + kW]", "g * x[:, i : i + kH, j : j + kW][:, ::-1]"),
  ],
  ["05", "a crash", PROBLEMS["05"].solution.replace("range(outH)", "range(outH + 1)")],
  ["05", "a name that is not there", PROBLEMS["05"].solution.replace("return dx", "return dz")],
  ["05", "nothing returned", PROBLEMS["05"].solution.replace("return dx, dW", "pass")],
  ["02", "a crash", PROBLEMS["02"].solution.replace("range(outH)", "range(outH + 1)")],
  ["05", "the starter", PROBLEMS["05"].starter],
];

for (const { number } of CATALOGUE.problems) {
  test(`${number}: of typical mistakes name, question, first wrong element and case are above the fold`, async () => {
    const page = await lab.fresh();
    const found = {};
    for (const [, what, code] of TYPICAL.filter(([of]) => of === number)) {
      await enter(page, number, code);
      await run(page);
      assert.ok((await page.locator(".finding .mistake, .finding .crash").count()) > 0, what);
      const hidden = await below(page);
      if (hidden.length) found[what] = hidden;
    }
    assert.deepEqual(found, {});
  });
}

test("from a mistake's question to its reason and its line, a press each, and all of it is seen", async () => {
  const page = await lab.fresh();
  await enter(page, "05", OVERWRITES.replace("dW[o] +=", "dW[o] ="));
  await run(page);
  assert.equal(await page.locator(".finding .formula").count(), 0);
  await page.getByRole("button", { name: "Why?" }).click();
  assert.deepEqual(await unseen(page, [".finding .reason"]), []);
  await page.getByRole("button", { name: "Show the reference's line" }).click();
  assert.deepEqual(await unseen(page, [".finding .formula"]), []);
  await page.getByRole("button", { name: /^Hint.*dW is assigned/ }).click();
  assert.deepEqual(await unseen(page, [".named-mistake:nth-of-type(2) .question"]), []);
});

test("02: before the first run the whole framed image is seen; on a phone the formula goes on below", async () => {
  const page = await lab.fresh();
  await go(page, "02");
  assert.deepEqual(await unseen(page, ['.grid[data-array="framed"] tr:last-child td:last-child']), []);
  await page.setViewportSize({ width: 390, height: 844 });
  const hidden = await page
    .locator(".formula-block")
    .evaluateAll((all) => all.map((one) => Math.max(0, one.scrollWidth - one.clientWidth)));
  assert.deepEqual(hidden, [0, 0], "px of each");
});

test("a finding says in words what was compared, and writes the first wrong element as one sum", async () => {
  const page = await lab.fresh();
  await enter(page, "05", wrong("05", "dx-kernel-flipped"));
  const { verdict: said } = await run(page);
  assert.match(said, /which is grad_out\[[\d,]+\] · W\[[\d,]+\] = \S+ · \S+/);
  assert.doesNotMatch(said, /the sum of/);
  assert.doesNotMatch(said, /Seen in its answers/, "which is as good as the reason");
  await page.getByRole("button", { name: "Why?" }).click();
  assert.match(await verdict(page), /Seen in its answers: dx: the kernel/);
  await enter(page, "05", OVERWRITES);
  assert.match(
    (await run(page)).verdict,
    /which is grad_out\S+ · W\S+ \+ grad_out\S+ · W\S+ .*= \S+ · \S+ \+ \S+ · \S+/,
  );
});

test("what goes on below its pane fades out there, until it has been scrolled to", async () => {
  const page = await lab.fresh();
  const panel = page.locator(".statement-pane .panel:not([hidden])");
  const more = () => panel.evaluate((one) => one.matches("[data-more]"));
  assert.equal(await more(), false, "before the first run all of it is seen");
  await enter(page, "05", OVERWRITES);
  await run(page);
  await page.waitForFunction(() => document.querySelector(".statement-pane [data-more]"));
  assert.notEqual(await panel.evaluate((one) => getComputedStyle(one).maskImage), "none");
  await panel.evaluate((one) => one.scrollTo(0, one.scrollHeight));
  await page.waitForFunction(() => !document.querySelector(".statement-pane [data-more]"));
});

test("the starter is told what is missing, and not how many extra checks pass all the same", async () => {
  const page = await lab.fresh();
  await enter(page, "05", PROBLEMS["05"].starter);
  const { verdict: said } = await run(page);
  assert.match(said, /and 15 extra checks/);
  assert.doesNotMatch(said, /Extra checks: \d+ of/);
});

test("code that can't be run is told with its line once", async () => {
  const page = await lab.fresh();
  await enter(page, "05", "def conv2d_backward(grad_out, x, W):\n    return dx dW\n");
  await run(page);
  const said = await page.locator(".finding").innerText();
  assert.match(said, /SyntaxError/);
  assert.equal(said.match(/line/gi).length, 1, said);
  await page.getByRole("button", { name: "Show line 2" }).click();
});

test("an error is told once, and of the case that is shown", async () => {
  const page = await lab.fresh();
  await enter(page, "05", PROBLEMS["05"].solution.replace("range(outH)", "range(outH + 1)"));
  await run(page);
  const finding = await page.locator(".finding").innerText();
  assert.equal(finding.match(/out of bounds/g).length, 1);
  assert.match(finding, /it stops with an IndexError in every case/);
  const size = Number(finding.match(/index (\d+) is out of bounds/)[1]);
  const rows = await page.locator(".finding .given table").first().locator("tbody tr").count();
  assert.equal(size, rows, "the index behind the rows of the grad_out that is shown");
});

test("the picture goes on to the case of a new run", async () => {
  const page = await lab.fresh();
  await enter(page, "05", OVERWRITES);
  await run(page);
  await page.getByRole("button", { name: "See it step by step" }).click();
  await page.locator(".trace-words", { hasText: "Traced: play it" }).waitFor();
  await enter(page, "05", wrong("05", "kernel-channel-fixed"));
  await run(page);
  const shown = await page
    .locator(".finding .given table")
    .evaluateAll((all) => all.map((table) => table.querySelectorAll("tbody td").length));
  const drawn = () =>
    page.evaluate(() =>
      ["G", "x", "W"].flatMap((name) =>
        [...document.querySelectorAll(`.grid[data-array="${name}"] table`)].map(
          (table) => table.querySelectorAll("td[data-place]").length,
        ),
      ),
    );
  for (let round = 0; round < 20 && String(await drawn()) !== String(shown); round++)
    await page.waitForTimeout(100);
  assert.deepEqual(await drawn(), shown);
});

test("what the latest run found is there after a visit to another problem; later, that it was solved", async () => {
  const page = await lab.fresh();
  await enter(page, "05", OVERWRITES);
  await run(page);
  const before = await verdict(page);
  await go(page, "01");
  await go(page, "05");
  assert.equal(await verdict(page), before);
  assert.ok(await page.getByText(/as it was before you changed it/).isHidden());
  await enter(page, "05", PROBLEMS["05"].solution);
  await run(page);
  await go(page, "01");
  await go(page, "05");
  assert.match(await verdict(page), /Solved 5 of 5/);
  await page.reload();
  await page.waitForFunction(() => performance.getEntriesByName("usable").length > 0);
  assert.match(await verdict(page), /Solved before/);
});

test("02: the learner's own array is in the picture's pane, with the reference", async () => {
  const page = await lab.fresh();
  await enter(page, "02", wrong("02", "padding-ignored"));
  await run(page);
  await page.getByRole("button", { name: "See it step by step" }).click();
  await page.locator(".trace-words", { hasText: "Traced" }).waitFor();
  await page.getByRole("button", { name: "One step on" }).click();
  assert.deepEqual(
    await unseen(page, [
      '.grid[data-array="out"]:not(.yours) tr:last-child td:last-child',
      ".yours tr:last-child td:last-child",
      ".trace-words",
      ".player",
    ]),
    [],
  );
});

test("a long line of code goes on below its beginning, apart from the numbers of the lines", async () => {
  const page = await lab.fresh();
  await enter(page, "05", `${PROBLEMS["05"].solution}\n# ${"a long line ".repeat(20)}`);
  const { wider, gap } = await page.evaluate(() => {
    const scroller = document.querySelector(".cm-scroller");
    const number = document.querySelector(".cm-lineNumbers .cm-gutterElement:last-child");
    const text = document.createRange();
    text.selectNodeContents(number);
    const line = document.createRange();
    line.selectNodeContents(document.querySelector(".cm-line"));
    return {
      wider: scroller.scrollWidth - scroller.clientWidth,
      gap: line.getBoundingClientRect().left - text.getBoundingClientRect().right,
    };
  });
  assert.equal(wider, 0);
  assert.ok(gap >= 8, `${gap} px`);
});
