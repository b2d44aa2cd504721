import { autocompletion, closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { EditorState, Prec, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration,
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { wrapping } from "./wrapping.js";

// Code is set in weights, not in colours: those are kept for what a step reads, writes and gets wrong.
const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword], fontWeight: "700" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--quiet)" },
  { tag: tags.comment, color: "var(--quiet)" },
  { tag: tags.function(tags.definition(tags.variableName)), fontWeight: "700" },
]);

const theme = EditorView.theme({
  "&": { backgroundColor: "var(--surface)", color: "var(--text)", fontSize: "0.875rem", height: "100%" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
  ".cm-content": { padding: "0.25rem 0", caretColor: "var(--text)" },
  ".cm-gutters": {
    backgroundColor: "var(--surface)",
    color: "var(--quiet)",
    border: "none",
    padding: "0 0.375rem 0 0.25rem",
  },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--line-here)" },
  ".cm-cursor": { borderLeftColor: "var(--text)", borderLeftWidth: "2px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--selection) !important",
  },
  ".cm-matchingBracket": { backgroundColor: "var(--selection)", outline: "none" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--edge)" },
  ".cm-step": { backgroundColor: "var(--now)", boxShadow: "inset 3px 0 0 var(--now-edge)" },
  ".cm-diagnostic": { fontFamily: "var(--sans)" },
});

const setStep = StateEffect.define();

/** The line that the trace stands at; it goes with the text it was traced in. */
const stepLine = StateField.define({
  create: () => Decoration.none,
  update(lines, { changes, effects, state }) {
    for (const effect of effects) {
      if (!effect.is(setStep)) continue;
      const known = effect.value !== null && effect.value <= state.doc.lines;
      if (!known) return Decoration.none;
      const line = Decoration.line({ class: "cm-step" });
      return Decoration.set([line.range(state.doc.line(effect.value).from)]);
    }
    return lines.map(changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

/**
 * The editor. Escape, and then Tab, leaves it: CodeMirror lets the Tab after an Escape through.
 *
 * `changed` is told each new text, and `run` is Ctrl+Enter.
 */
export class Editor {
  #view;

  constructor(parent, text, { describedBy, changed, run }) {
    const ran = () => {
      run();
      return true;
    };
    const keys = Prec.highest(
      keymap.of([
        { key: "Mod-Enter", run: ran },
        { key: "Ctrl-Enter", run: ran },
      ]),
    );
    const extensions = [
      keys,
      lineNumbers(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      history(),
      drawSelection(),
      indentOnInput(),
      bracketMatching(),
      closeBrackets(),
      autocompletion({ activateOnTyping: false }),
      python(),
      wrapping,
      stepLine,
      indentUnit.of("    "),
      syntaxHighlighting(colours),
      theme,
      keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
      EditorView.contentAttributes.of({
        "aria-label": "Your code",
        "aria-describedby": describedBy,
        tabindex: "0", // as it is anyway, but for tools that know no editable text
      }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) changed(update.state.doc.toString());
      }),
    ];
    this.#view = new EditorView({ parent, state: EditorState.create({ doc: text, extensions }) });
  }

  get text() {
    return this.#view.state.doc.toString();
  }

  /** Another text that undo takes back. */
  replace(text) {
    const length = this.#view.state.doc.length;
    this.#view.dispatch({ changes: { from: 0, to: length, insert: text } });
  }

  /** Underline a line, with what is wrong there; of several, all. */
  mark(findings) {
    const { doc } = this.#view.state;
    const diagnostics = findings
      .filter(({ line }) => line >= 1 && line <= doc.lines)
      .map(({ line, message }) => {
        const { from, to, text } = doc.line(line);
        const indent = text.length - text.trimStart().length;
        return { from: Math.min(from + indent, to), to, severity: "error", message };
      });
    this.#view.dispatch(setDiagnostics(this.#view.state, diagnostics));
  }

  /** Mark the line at which a trace stands, and have it seen; null marks none. */
  step(line) {
    const effects = [setStep.of(line)];
    if (line !== null && line <= this.#view.state.doc.lines)
      effects.push(
        EditorView.scrollIntoView(this.#view.state.doc.line(line).from, { y: "nearest", yMargin: 24 }),
      );
    this.#view.dispatch({ effects });
  }

  /** To a line, to change it. */
  goTo(line) {
    const { doc } = this.#view.state;
    const { from, text } = doc.line(Math.min(Math.max(line, 1), doc.lines));
    const anchor = from + text.length - text.trimStart().length;
    this.#view.dispatch({ selection: { anchor }, scrollIntoView: true });
    this.focus();
  }

  /** To where the learner writes, after the editor has become another size. */
  cursorIntoView() {
    this.#view.dispatch({ effects: EditorView.scrollIntoView(this.#view.state.selection.main) });
  }

  focus() {
    this.#view.focus();
  }

  destroy() {
    this.#view.destroy();
  }
}
