"""A damaged manifest of the practice page is refused in one line, whatever is in it."""

import json

import pytest

from dxdw.lab import folder


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        '{"files": []}',
        '{"files": 7}',
        '{"files": {"index.html": 7}}',
        '{"files": {"index.html": {}}}',
        "[" * 100_000,
        '{"files": {"a\\u0000b": {"sha256": ""}}}',
        '{"files": {"../outside": {"sha256": ""}}}',
        '{"files": {"/outside": {"sha256": ""}}}',
    ],
)
def test_whatever_is_in_it(tmp_path, text):
    (tmp_path / folder.MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(folder.NoPage) as refused:
        folder.read(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_name_that_leaves_the_folder_is_not_read(tmp_path):
    page = tmp_path / "page"
    page.mkdir()
    (tmp_path / "secret").write_text("")
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    named = {"files": {"../secret": {"sha256": digest}}}
    (page / folder.MANIFEST).write_text(json.dumps(named), encoding="utf-8")
    with pytest.raises(folder.NoPage, match="no file below"):
        folder.read(page)
