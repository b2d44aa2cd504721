import { evidenceTables, number } from "./arrays.js";
import { h, spoken } from "./element.js";

const HINT = "Hint";

/**
 * A report of the checker: what is not there yet, what is wrong, each with its hints, where, and the smallest
 * case; where the problem is solved it is advice. `see.show(evidence)` shows its case in the picture, and
 * `hints()` those of the problem.
 */
export function finding(report, { solved, see, hints }) {
  const { explanations, evidence, first_wrong: first, missing = [], either = false } = report;
  const advice = report.ok || solved;
  const said = explanations.length + missing.length ? missing : [report.summary];
  const more = advice ? null : button("Hints of the problem", hints);
  const place = h("div", { class: "where" });
  const seen = seenInAnswers(report);
  if (either) place.append(h("p", {}, "One of these is enough: both give the very same answers here."));
  const elsewhere = Boolean(evidence?.result); // what is shown is no crash
  if (report.crash && !elsewhere) place.append(crash(report.crash));
  if (first) place.append(firstWrong(first));
  if (evidence) place.append(caseHead(evidence, see, more), evidenceTables(evidence, first));
  else if (more) place.append(h("p", {}, more));
  if (report.crash && elsewhere)
    place.append(crash(report.crash, "On other arrays it stops with an error, "));
  return h(
    "section",
    { class: `finding${advice ? " advice" : ""}`, "aria-label": `What is wrong in ${report.function}` },
    said.map((title) => h("h2", { class: "mistake" }, title)),
    explanations.map((explanation, n) => mistake(explanation, n === 0, seen.show)),
    place,
    known(report, seen.element),
  );
}

/**
 * A mistake and its ladder: a question, the reason, the line of code; of the first the question is there.
 * `answered()` is told when more than the question has been asked for.
 */
function mistake({ title, hint, reason = "", mathematics }, asked, answered) {
  const steps = [
    { words: HINT, make: () => h("p", { class: "question" }, h("strong", {}, "Hint: "), hint) },
    { words: "Why?", make: () => h("p", { class: "reason" }, reason), none: !reason },
    { words: "Show the reference's line", make: () => h("pre", { class: "formula" }, mathematics) },
  ].filter(({ none }) => !none);
  const told = h("div", { class: "told", "aria-live": "polite" });
  const next = button("", () => tell());
  next.classList.add("ladder");
  const element = h("div", { class: "named-mistake" }, h("h2", { class: "mistake" }, title), next, told);
  const name = () => {
    if (steps.length) next.replaceChildren(steps[0].words, spoken(`, of: ${title}`));
    else next.remove();
  };
  const tell = () => {
    const { words, make } = steps.shift();
    const step = make();
    told.append(step);
    if (words !== HINT) answered();
    name();
    if (element.isConnected) step.scrollIntoView({ block: "nearest" });
  };
  name();
  if (asked) tell();
  return element;
}

function known({ causes, matched }, seen) {
  if (causes.length + matched.length === 0) return null;
  const names = causes.flatMap((cause, n) => [n ? ", " : "", h("code", {}, cause)]);
  const listed = names.length ? h("span", {}, "In the list of mistakes: ", names, ". ") : null;
  return h("p", { class: "quiet names" }, listed, seen);
}

/** What tells it from other mistakes is as good as its reason: not before that has been asked for. */
function seenInAnswers({ explanations, matched }) {
  const element = h("span", { hidden: explanations.length > 0 });
  if (matched.length) element.append(`Seen in its answers: ${matched.join("; ")}.`);
  return {
    element,
    show: () => {
      element.hidden = false;
    },
  };
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
  if (event.crash?.line) parts.push(crashPlace(event.crash)); // its detail has the words
  if (event.evidence) parts.push(evidenceTables(event.evidence, event.first_wrong));
  return parts;
}

function firstWrong({ result, index, got, expected, contributions }) {
  return h(
    "p",
    { class: "first-wrong" },
    "First wrong: ",
    h("code", {}, `${result}[${index.join(",")}]`),
    " is ",
    h("strong", { class: "got" }, number(got)),
    ", and should be ",
    h("strong", { class: "due" }, number(expected)),
    contributions.length ? [", which is ", sum(contributions)] : ".",
  );
}

/** The products as one sum, with names and then with numbers. */
function sum(contributions) {
  const sides = contributions.map((part) => part.split(" = "));
  const added = (parts) =>
    parts.map((part, n) => [n ? " + " : "", h("code", { class: "contribution" }, part)]);
  return [
    added(sides.map(([names]) => names.replace(/^and /, ""))),
    " = ",
    added(sides.map(([names, numbers = names]) => numbers.replace(/^and /, ""))),
  ];
}

function crash(found, before = "") {
  const { kind, message, means } = found;
  return h(
    "div",
    { class: "crash" },
    h("p", {}, before, h("strong", {}, kind), message ? `: ${message}` : "", means ? ` (${means})` : ""),
    crashPlace(found) ?? "",
  );
}

/** The line, and what the small integers in it were. */
function crashPlace({ line, source, at }) {
  if (!line) return null;
  const values = Object.entries(at).map(([name, value]) => `${name} = ${value}`);
  return h(
    "p",
    {},
    h("button", { type: "button", class: "plain to-line", "data-line": line }, `Line ${line}`),
    " ",
    h("code", {}, source),
    values.length ? ` with ${values.join(", ")}` : "",
  );
}
