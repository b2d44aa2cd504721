"""Where files may be written, and extras that are missing."""

import os
import sys
from errno import ENOSPC

import pytest

from dxdw.classifier.files import FileRefused, check_readable, check_writable
from dxdw.core.files import replacing
from dxdw.extras import MissingExtra, need


def test_a_new_name_and_an_earlier_file_are_fine(tmp_path):
    check_writable(tmp_path / "new.png", ".png")
    (tmp_path / "old.PNG").write_bytes(b"old")
    check_writable(tmp_path / "old.PNG", ".png")
    assert (tmp_path / "old.PNG").read_bytes() == b"old"


def test_places_that_are_refused(tmp_path):
    for path, what in [
        (tmp_path / "new.jpg", r"new\.jpg: its name does not end in \.png; expected the name of a"),
        (tmp_path / "none" / "new.png", "there is no folder .*none"),
    ]:
        with pytest.raises(FileRefused, match=what):
            check_writable(path, ".png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(FileRefused, match="something that is no regular file has this name"):
        check_writable(tmp_path / "folder.png", ".png")


def test_a_place_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    with pytest.raises(FileRefused, match="it can't be written"):
        check_writable(tmp_path / "new.png", ".png")


def test_what_would_fail_after_the_work_is_refused_before(tmp_path, monkeypatch):
    (tmp_path / "link.png").symlink_to(tmp_path / "none" / "new.png")
    with pytest.raises(FileRefused, match=r"link\.png: there is no folder .*none; expected"):
        check_writable(tmp_path / "link.png", ".png")
    # A file is replaced, so that its folder has to be writable, and it too.
    old = tmp_path / "old.png"
    old.write_bytes(b"old")
    for locked in (tmp_path, old):
        monkeypatch.setattr("os.access", lambda place, _, locked=locked: place != locked)
        with pytest.raises(FileRefused, match="it can't be written"):
            check_writable(old, ".png")


def test_a_name_that_no_system_has(tmp_path):
    with pytest.raises((FileRefused, OSError)):
        check_readable(tmp_path / "a\0b", "anything", 10)


def test_replacing_writes_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    with replacing(path) as file:
        file.write(b"one")
    assert path.read_bytes() == b"one"

    def interrupted():
        with replacing(path) as file:
            file.write(b"two")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_what_can_not_be_replaced_is_named_itself(tmp_path, monkeypatch):
    folder, nowhere, full = tmp_path / "folder", tmp_path / "none" / "file", tmp_path / "full"
    folder.mkdir()

    def no_space(_):
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", lambda _: None)
    for path in (folder, nowhere, full):
        if path == full:
            monkeypatch.setattr("os.fsync", no_space)
        with pytest.raises(OSError, match=r".") as told, replacing(path) as file:
            file.write(b"one")
        assert (told.value.filename, told.value.filename2) == (str(path), None)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.skipif(os.name != "posix", reason="needs its permissions")
@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_who_may_read_an_earlier_file_may_read_the_next_and_nobody_else(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    path.chmod(mode)
    with replacing(path) as file:
        file.write(b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", mode)


def test_a_long_name_and_what_a_killed_process_left_are_no_obstacles(tmp_path):
    # Another process may have had the same number, as the only one in a container has.
    left = tmp_path / f".file.{os.getpid()}.part"
    left.write_bytes(b"half")
    for path in (tmp_path / "file", tmp_path / ("a" * 251 + ".png")):
        with replacing(path) as file:
            file.write(b"one")
        assert path.read_bytes() == b"one"
    assert left.read_bytes() == b"half"


def test_a_folder_that_is_none_is_told_by_the_name_of_the_file(tmp_path):
    (tmp_path / "text").write_bytes(b"")
    path = tmp_path / "text" / "file"
    with pytest.raises(NotADirectoryError) as told, replacing(path):
        pass
    assert told.value.filename == str(path)


def test_need_names_what_is_missing_and_what_installs_it(monkeypatch):
    need("train", "this", "numpy")
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(MissingExtra, match=r'^it needs rich and no_such, .* "dxdw\[train\]"'):
        need("train", "it", "numpy", "rich", "no_such")
