/** A reporter of the outermost tests for all.mjs: a line of JSON for each, and at the end how many there are. */
export default async function* counting(events) {
  for await (const { type, data } of events) {
    if (data.nesting !== 0) continue;
    if (type === "test:plan") yield `${JSON.stringify({ kind: "plan", count: data.count })}\n`;
    else if (type === "test:pass" || type === "test:fail")
      yield `${JSON.stringify({ kind: data.skip !== undefined ? "skip" : type.slice(5), name: data.name })}\n`;
  }
}
