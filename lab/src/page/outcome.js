/** What a run comes to, by the groups of its tests. */
const OWN = "test/";
const CASE = "case/";

/** "own" for the problem's tests, "case" for the learner's cases, "extra" for the checker's questions. */
export function groupOf(id) {
  return id.startsWith(OWN) ? "own" : id.startsWith(CASE) ? "case" : "extra";
}

/** Of the events of a run by their ids: how many of a group passed, if with advice, and of how many. */
export function count(names, states, group) {
  const ids = names.filter((id) => groupOf(id) === group);
  const passed = ids.filter((id) => ["passed", "advice"].includes(states.get(id)?.state));
  return { passed: passed.length, of: ids.length };
}
