/** The texts of the series as HTML: Markdown, with formulas as MathML. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { tex } from "@mdit/plugin-tex";
import MarkdownIt from "markdown-it";
import temml from "temml";
import { PYTHON } from "./files.mjs";

const run = promisify(execFile);

/** Where a long formula may go on in another line: browsers break none by themselves. */
const BREAK = "\\\\";

const formula = (source, displayMode = false) =>
  temml.renderToString(source.trim(), { displayMode, throwOnError: true, strict: true });

const markdown = new MarkdownIt({ typographer: false });
markdown.use(tex, {
  render(source, displayMode) {
    if (!displayMode) return formula(source);
    const [whole, ...more] = source.split(BREAK);
    const math = more.length
      ? [whole, ...more].map((part) => formula(`\\displaystyle ${part}`)).join(" ")
      : formula(source, true);
    return `<div class="formula-block scrolls">${math}</div>`;
  },
});
markdown.renderer.rules.table_open = () => '<div class="table-block scrolls"><table>';
markdown.renderer.rules.table_close = () => "</table></div>";
markdown.renderer.rules.fence = (tokens, place) =>
  `<pre class="scrolls"><code>${markdown.utils.escapeHtml(tokens[place].content)}</code></pre>`;

/** What a statement's formulas before its first heading say, each in one line where there is room. */
function formulas(statement) {
  const tokens = markdown.parse(statement, {});
  const heading = tokens.findIndex(({ type }) => type === "heading_open");
  return tokens
    .slice(0, heading)
    .filter(({ type }) => type === "math_block")
    .map(({ content }) =>
      content
        .split(BREAK)
        .map((part) => formula(part))
        .join(" "),
    );
}

/** The catalogue of the practice series, its Markdown made into HTML. */
export async function catalogue() {
  const { stdout } = await run(PYTHON, ["-m", "dxdw.practice.catalogue"], { maxBuffer: 1 << 24 });
  const found = JSON.parse(stdout);
  for (const problem of found.problems) {
    problem.formulas = formulas(problem.statement);
    problem.statement = markdown.render(problem.statement);
    problem.hints = problem.hints.map((hint) => markdown.render(hint));
  }
  return found;
}

/** The server's content security policy, as far as a page can state it of itself. */
export async function policy() {
  const program = "import json, dxdw.lab.server as s; print(json.dumps(s.POLICY))";
  const { stdout } = await run(PYTHON, ["-c", program]);
  return JSON.parse(stdout)
    .split("; ")
    .filter((rule) => !rule.startsWith("frame-ancestors"));
}
