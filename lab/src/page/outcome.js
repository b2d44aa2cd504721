/** What a run comes to, by the groups of its tests. */
const OWN = "test/";
const CASE = "case/";

/** "own" for the problem's tests, "case" for the learner's cases, "harder" for the checker's questions. */
export function groupOf(id) {
  return id.startsWith(OWN) ? "own" : id.startsWith(CASE) ? "case" : "harder";
}

/** Of the events of a run by their ids: how many of a group passed, if with advice, and of how many. */
export function count(names, states, group) {
  const ids = names.filter((id) => groupOf(id) === group);
  const passed = ids.filter((id) => ["passed", "advice"].includes(states.get(id)?.state));
  return { passed: passed.length, of: ids.length };
}

/** Solved are the problem's own tests, whatever is harder to fool. */
export function solvedBy(names, states) {
  const { passed, of } = count(names, states, "own");
  return passed === of;
}
