import { RangeSetBuilder } from "@codemirror/state";
import { Decoration, EditorView, ViewPlugin } from "@codemirror/view";

const FURTHER = 2; // columns that what goes on below is indented by, more than its line

/** Lines of code that are wider than the editor go on below, under their own beginning. */
export const wrapping = [
  EditorView.lineWrapping,
  ViewPlugin.fromClass(
    class {
      constructor(view) {
        this.decorations = hanging(view);
      }

      update({ docChanged, viewportChanged, view }) {
        if (docChanged || viewportChanged) this.decorations = hanging(view);
      }
    },
    { decorations: (plugin) => plugin.decorations },
  ),
];

function hanging({ state, visibleRanges }) {
  const lines = new RangeSetBuilder();
  for (const { from, to } of visibleRanges) {
    for (let line = state.doc.lineAt(from); ; line = state.doc.line(line.number + 1)) {
      const columns = line.text.search(/\S|$/) + FURTHER;
      const style = `padding-left: calc(6px + ${columns}ch); text-indent: -${columns}ch`;
      lines.add(line.from, line.from, Decoration.line({ attributes: { style } }));
      if (line.to >= to || line.number === state.doc.lines) break;
    }
  }
  return lines.finish();
}
