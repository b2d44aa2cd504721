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

const formula = (source) => temml.renderToString(source.trim(), { throwOnError: true, strict: true });

const markdown = new MarkdownIt({ typographer: false });
markdown.use(tex, {
  render(source, displayMode) {
    if (!displayMode) return formula(source);
    // With its sums in one line of text: what is read and seen beside code has to be low.
    const parts = source.split(BREAK).map((part) => formula(part));
    return `<div class="formula-block scrolls">${parts.join(" ")}</div>`;
  },
});
markdown.renderer.rules.table_open = () => '<div class="table-block scrolls"><table>';
markdown.renderer.rules.table_close = () => "</table></div>";
markdown.renderer.rules.fence = (tokens, place) =>
  `<pre class="scrolls"><code>${markdown.utils.escapeHtml(tokens[place].content)}</code></pre>`;

/** Formulas that follow each other, in one place: the first of a statement stays where it is scrolled. */
const FORMULAS = /(?:<div class="formula-block scrolls">.*?<\/div>\s*)+/gs;

/** A statement as `{ statement, examples }`: what is to be written, and what follows its first example. */
function parts(text) {
  const tokens = markdown.parse(text, {});
  const begins = tokens.findIndex(
    ({ type }, place) => type === "heading_open" && tokens[place + 1].content.startsWith("Example"),
  );
  const html = (some) =>
    markdown.renderer
      .render(some, markdown.options, {})
      .replace(FORMULAS, (found) => `<div class="formulas">${found}</div>`);
  return { statement: html(tokens.slice(0, begins)), examples: html(tokens.slice(begins)) };
}

/** The catalogue of the practice series, its Markdown made into HTML. */
export async function catalogue() {
  const { stdout } = await run(PYTHON, ["-m", "dxdw.practice.catalogue"], { maxBuffer: 1 << 24 });
  const found = JSON.parse(stdout);
  for (const problem of found.problems) {
    Object.assign(problem, parts(problem.statement));
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
