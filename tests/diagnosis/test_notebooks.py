"""Cells of notebooks: what IPython alone understands is left out, and all Python is kept."""

import pytest

from dxdw.diagnosis.notebooks import code_of, python_of

KEPT = [
    "x = 7 % 3",
    "y = (7\n% 3)",
    "y = 7 \\\n  % 3",
    's = """\n%time\n!ls\nprint?\n"""',
    "s = '''a\n? b''' \"#\" '''\n!c'''",
    's = "it\'s (" # a comment with " and (\nx = 1',
    "s = 'one \\\n% two'",
    r's = r"\\" + "a=%d" % 1  # why?',
    "d = {'=!': 1,\n     '?': 2}",
    "if x != 1 and x == 2: pass",
    "f(a=1, b=x % 2)",
    "def f(x):\n    return x[\n        :2]",
]

CHANGED = [
    ("%matplotlib inline\nx = 1", "pass\nx = 1"),
    ("  \n%load_ext a\n", "  \npass\n"),
    ("if True:\n    %timeit f()\n    !ls -l", "if True:\n    pass\n    pass"),
    ("!ls \\\n  -l\nx = 1", "pass\n\nx = 1"),
    ("x = !ls", "x = None"),
    ("for k in a:\n    t = %timeit -o pass\n", "for k in a:\n    t = None\n"),
    ('d["a=%b"] = !ls "(', 'd["a=%b"] = None'),
    ("print?\n?print\nnp.zeros??\nx = 1", "pass\npass\npass\nx = 1"),
    ("%time x = f(\n    1)", "x = f(\n    1)"),
    ("%time", "pass"),
    ("/f 1\n,f a b\n;f a b", "pass\npass\npass"),
    ("'''\n'''\n%who", "'''\n'''\npass"),
    ("%%time\ndef f(): pass\n%who\n", "\ndef f(): pass\npass\n"),
    ("\n%%capture out\n%%time\nx = 1", "\n\n\nx = 1"),
    ("%%timeit -n 1\nx = 1", "\nx = 1"),
    ("%%prun\nx = 1", "\nx = 1"),
    ("%%bash\nls", ""),
    ("%%capture\n%%html\n<p>", ""),
    ("%%writefile mine.py\nx = 1", ""),
]


@pytest.mark.parametrize("source", KEPT)
def test_python_is_kept_as_it_is(source):
    assert python_of(source) == source


@pytest.mark.parametrize(("source", "python"), CHANGED)
def test_commands_are_left_out_and_lines_keep_their_numbers(source, python):
    assert python_of(source) == python
    compile(python, "cell", "exec")


NO_PYTHON = ['s = "', "s = '''\n%a", ")(\n%a", "x = \\", "%a \\", "= !", "\\"]


@pytest.mark.parametrize("source", NO_PYTHON)
def test_what_is_no_python_is_none_afterwards(source):
    assert len(python_of(source).split("\n")) == len(source.split("\n"))


@pytest.mark.parametrize("source", [{"x = 1": 0}, [1], None, 3])
def test_a_source_is_text_or_lines(source):
    with pytest.raises(TypeError, match="must be text, or a list of its lines"):
        code_of({"source": source})
