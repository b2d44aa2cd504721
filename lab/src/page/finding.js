import { evidenceTables, number } from "./arrays.js";
import { h } from "./element.js";

/**
 * A report of the checker: what is not there yet, what is wrong, where, and a question; where the problem
 * is solved it is advice. `see.show(evidence)` shows its case in the picture, and `hints()` those of the
 * problem.
 */
export function finding(report, { solved, see, hints }) {
  const { explanations, evidence, first_wrong: first, missing = [], either = false } = report;
  const causes = explanations.map(({ title }) => title);
  const titles = [...missing, ...causes];
  const place = h("div", { class: "where" });
  if (either) place.append(h("p", {}, "One of these is enough: both give the very same answers here."));
  if (explanations.length)
    place.append(h("p", { class: "question" }, h("strong", {}, "Hint: "), explanations[0].hint));
  if (report.crash) place.append(crash(report.crash));
  if (first) place.append(...firstWrong(first));
  const advice = report.ok || solved;
  const more = advice ? null : button("More hints", hints);
  if (evidence) place.append(caseHead(evidence, see, more), ...evidenceTables(evidence, first));
  else if (more) place.append(h("p", {}, more));
  const why = h("div", { class: "why" });
  why.append(...explanations.flatMap(reasons));
  if (report.matched.length)
    why.append(h("p", { class: "quiet" }, `Compared with your answers: ${report.matched.join("; ")}.`));
  return h(
    "section",
    { class: `finding${advice ? " advice" : ""}`, "aria-label": `What is wrong in ${report.function}` },
    (titles.length ? titles : [report.summary]).map((title) => h("h2", { class: "mistake" }, title)),
    place,
    why,
  );
}

function reasons({ cause, mathematics, reason = "" }) {
  return [
    reason ? h("p", {}, reason) : null,
    h("pre", { class: "formula" }, mathematics),
    h("p", { class: "quiet" }, "the mistake's name: ", h("code", {}, cause)),
  ].filter(Boolean);
}

const button = (words, click) => h("button", { type: "button", class: "small", on: { click } }, words);

function caseHead(evidence, see, more) {
  return h(
    "div",
    { class: "case-head" },
    h("h3", {}, "The smallest case found"),
    see.takes(evidence) ? button("See it step by step", () => see.show(evidence)) : null,
    more,
  );
}

/** What a single test has to show of its failure. */
export function shown(event) {
  const parts = [];
  if (event.crash) parts.push(crash(event.crash));
  if (event.evidence) parts.push(...evidenceTables(event.evidence, event.first_wrong));
  return parts;
}

function firstWrong({ result, index, got, expected, contributions }) {
  const place = `${result}[${index.join(", ")}]`;
  const words = contributions.length ? ", the sum of" : ".";
  const said = h(
    "p",
    { class: "first-wrong" },
    "First wrong: ",
    h("code", {}, place),
    " is ",
    h("strong", { class: "got" }, number(got)),
    ", and should be ",
    h("strong", { class: "due" }, number(expected)),
    words,
  );
  if (!contributions.length) return [said];
  return [
    said,
    h(
      "ul",
      { class: "contributions" },
      contributions.map((part) => h("li", {}, h("code", {}, part))),
    ),
  ];
}

function crash({ kind, message, line, source, at }) {
  const values = Object.entries(at)
    .map(([name, value]) => `${name} = ${value}`)
    .join(", ");
  return h(
    "p",
    { class: "crash" },
    h("strong", {}, kind),
    message ? `: ${message}` : "",
    values ? ` (${values})` : "",
    line
      ? [
          h("br"),
          h("button", { type: "button", class: "plain to-line", "data-line": line }, `Line ${line}`),
          " ",
          h("code", {}, source),
        ]
      : null,
  );
}
