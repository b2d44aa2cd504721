import { evidenceTables, number } from "./arrays.js";
import { h } from "./element.js";

/** A report of the checker on a function that is not right: what, where, and a question. */
export function finding(report) {
  const parts = [];
  if (report.explanations.length) {
    for (const { cause, title, mathematics } of report.explanations) {
      parts.push(
        h("h3", { class: "mistake" }, title),
        h("p", { class: "formula" }, mathematics),
        h("p", { class: "quiet" }, "the mistake's name: ", h("code", {}, cause)),
      );
    }
    parts.push(h("p", { class: "question" }, h("strong", {}, "Hint: "), report.explanations[0].hint));
  } else {
    parts.push(h("h3", { class: "mistake" }, report.summary));
  }
  if (report.crash) parts.push(crash(report.crash));
  if (report.first_wrong) parts.push(...firstWrong(report.first_wrong));
  if (report.matched.length) {
    parts.push(h("p", { class: "quiet" }, `Compared with your answers: ${report.matched.join("; ")}.`));
  }
  if (report.evidence) {
    parts.push(
      h("h4", {}, "The smallest case found"),
      ...evidenceTables(report.evidence, report.first_wrong),
    );
  }
  return h("section", { class: "finding", "aria-label": `What is wrong in ${report.function}` }, parts);
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
    {},
    "First wrong: ",
    h("code", {}, place),
    ` is ${number(got)}, and should be ${number(expected)}${words}`,
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
    line ? [`Line ${line}: `, h("code", {}, source), h("br")] : null,
    h("strong", {}, kind),
    message ? `: ${message}` : "",
    values ? ` (${values})` : "",
  );
}
