"""A model file comes back as it was written, or is refused with what is wrong."""

import io
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from dxdw.classifier import model_file
from dxdw.classifier.files import FileRefused
from dxdw.classifier.model_file import load_model, save_model
from dxdw.classifier.tinycnn import SHAPES, TinyCNN


@pytest.fixture(scope="module")
def model():
    return TinyCNN.initial(7)


@pytest.fixture
def path(model, tmp_path):
    path = tmp_path / "model.npz"
    save_model(model, path)
    return path


def contents(model):
    return {"format": np.array("dxdw TinyCNN"), "version": np.array(1), **model.parameters}


def refused(path, what):
    with pytest.raises(FileRefused, match=what) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.endswith("expected a model that `dxdw train --save` wrote")
    assert "\n" not in message


def assert_equal(one, other):
    assert list(one.parameters) == list(other.parameters)
    for name in SHAPES:
        np.testing.assert_array_equal(one.parameters[name], other.parameters[name], strict=True)


# --- what comes back ------------------------------------------------------------------------------


def test_what_is_saved_is_loaded(model, path):
    loaded = load_model(path)
    assert_equal(loaded, model)
    for p in loaded.parameters.values():
        assert p.flags.writeable
        assert p.flags.c_contiguous


def test_numpy_itself_reads_the_file_without_pickle(model, path):
    with np.load(path, allow_pickle=False) as file:
        assert str(file["format"]) == "dxdw TinyCNN"
        np.testing.assert_array_equal(file["conv2.W"], model.parameters["conv2.W"])


def test_float64_is_saved_as_float32(model, tmp_path):
    path = tmp_path / "wide.npz"
    save_model(model.astype(np.float64), path)
    assert_equal(load_model(path), model)


def test_same_model_gives_the_same_bytes(model, path, tmp_path):
    again = tmp_path / "again.npz"
    save_model(model, again)
    assert again.read_bytes() == path.read_bytes()


def test_other_byte_order_column_order_and_compression_are_read(model, path):
    arrays = contents(model)
    arrays["conv1.W"] = arrays["conv1.W"].astype(">f4")
    arrays["linear.W"] = np.asfortranarray(arrays["linear.W"])
    np.savez_compressed(path, **arrays)
    assert_equal(load_model(path), model)


# --- writing --------------------------------------------------------------------------------------


def test_a_write_that_fails_leaves_the_earlier_file(model, path, monkeypatch):
    before = path.read_bytes()

    def disk_full(file, **_):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_file.np, "savez", disk_full)
    with pytest.raises(OSError, match="No space left"):
        save_model(model, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_earlier_file_is_replaced_and_a_link_stays_a_link(path):
    link = path.with_name("link.npz")
    link.symlink_to(path)
    save_model(TinyCNN.initial(8), link)
    assert link.is_symlink()
    assert_equal(load_model(path), TinyCNN.initial(8))


# --- what is refused ------------------------------------------------------------------------------


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file; expected a model") as caught:
        load_model(tmp_path / "none.npz")
    assert caught.value.filename == str(tmp_path / "none.npz")


def test_folder(tmp_path):
    with pytest.raises(IsADirectoryError, match="it is a folder; expected a model"):
        load_model(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    refused(tmp_path / "pipe.npz", "it is no regular file")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "it is empty"),
        (b"hello", r"it is no \.npz file, or damaged \(BadZipFile: File is not a zip file\)"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}", r"it is no \.npz file"),
        (bytes(2 << 20), "it has 2,097,152 bytes, more than 1,048,576"),
    ],
    ids=["empty", "text", "npy", "large"],
)
def test_what_is_no_archive(tmp_path, data, what):
    path = tmp_path / "model.npz"
    path.write_bytes(data)
    refused(path, what)


@pytest.mark.parametrize("part", [0.01, 0.3, 0.6, 0.9, 0.99, 0.9999])
def test_truncated(path, part):
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    refused(path, r"it is no \.npz file, or damaged")


def test_any_damaged_byte_is_refused_or_does_not_matter(model, path):
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    in_headers = rng.integers(0, 300, 40), len(data) - rng.integers(1, 800, 80)
    intact = 0
    for position in (*rng.integers(0, len(data), 80), *in_headers[0], *in_headers[1]):
        damaged = bytearray(data)
        damaged[position] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            assert_equal(load_model(path), model)
            intact += 1
        except FileRefused:
            pass
    assert intact < 100


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"conv1.W": None}, "it has the arrays .*, and not "),
        ({"other": np.zeros(3)}, r"it has the arrays .*'other\.npy'"),
        ({"format": np.array("some network")}, "its format is 'some network' version 1, and not"),
        ({"version": np.array(2)}, "its format is 'dxdw TinyCNN' version 2, and not .* 1"),
        ({"conv1.b": np.zeros(17, "f4")}, r"conv1\.b is \(17,\) of float32, and not \(16,\)"),
        ({"conv1.b": np.zeros((4, 4), "f4")}, r"conv1\.b is \(4, 4\) of float32, and not \(16,\)"),
        ({"conv1.b": np.zeros(16, "i4")}, r"conv1\.b is \(16,\) of int32, and not .* of float32"),
        ({"conv1.b": np.zeros(16, "f8")}, r"conv1\.b is \(16,\) of float64, and not"),
        ({"conv1.b": np.full(16, np.nan, "f4")}, r"conv1\.b has values that are not finite"),
        ({"linear.b": np.full(10, np.inf, "f4")}, r"linear\.b has values that are not finite"),
        ({"conv2.W": np.zeros((300, 300), "f4")}, r"conv2\.W takes 360,128 bytes, .* has 18,432"),
        ({"conv2.W": np.zeros(3, "f4")}, r"conv2\.W takes 140 bytes, where"),
    ],
)
def test_other_names_shapes_dtypes_and_values(model, path, changes, what):
    arrays = {k: v for k, v in {**contents(model), **changes}.items() if v is not None}
    np.savez(path, **arrays)
    refused(path, what)


class Pickled:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return (os.mkdir, (self.trace,))


def test_pickle_is_not_opened(model, path, tmp_path):
    trace = tmp_path / "unpickled"
    payload = np.array([Pickled(str(trace))] * 2, object)
    np.savez(path, **{**contents(model), "conv1.b": payload})
    refused(path, r"conv1\.b is \(2,\) of object, and not \(16,\) of float32")
    assert not trace.exists()


def member(model, path, name, data, **options):
    """The model's file with other bytes for one array."""
    np.savez(path, **{k: v for k, v in contents(model).items() if k != name})
    with zipfile.ZipFile(path, "a", **options) as archive:
        archive.writestr(f"{name}.npy", data)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_zip_bomb_is_refused_by_its_declared_size(model, path):
    bomb = bytes(64 << 20)
    member(model, path, "conv1.b", bomb, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 200_000
    refused(path, r"conv1\.b takes 67,108,864 bytes, where \(16,\) of float32 has 64 and a header")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_decompress_more_than_is_asked_for_are_refused(method, model, path):
    member(model, path, "conv1.b", npy(np.zeros(16, "f4")), compression=method)
    refused(path, r"conv1\.b is compressed by another method than deflate")


def test_bomb_that_lies_about_its_size(model, path):
    """What the archive says of it is as it should be; deflated it is 64 MB of zeros."""
    honest = npy(np.zeros(16, "f4"))
    member(model, path, "conv1.b", honest + bytes(64 << 20), compression=zipfile.ZIP_DEFLATED)
    told = struct.pack("<L", len(honest) + (64 << 20))
    data = path.read_bytes()
    assert data.count(told) >= 2
    path.write_bytes(data.replace(told, struct.pack("<L", len(honest))))
    tracemalloc.start()
    refused(path, r"it is no \.npz file, or damaged")
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_header_that_takes_a_parser_too_deep(model, path):
    header = b"{'descr':'<f4','fortran_order':False,'shape':(" + b"-" * 8000 + b"1,)}"
    name = "linear.W"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    whole = len(npy(model.parameters[name].astype("f4")))
    member(model, path, name, data + bytes(whole - len(data)))
    refused(path, r"linear\.W has a header of 8,\d+ bytes, more than 1,024")


def test_header_that_lies_about_the_shape(model, path):
    honest = npy(np.zeros(16, "f4"))
    lying = honest.replace(b"(16,), }" + 5 * b" ", b"(10**5,), }  ")
    assert lying != honest
    member(model, path, "conv1.b", lying)
    refused(path, r"it is no \.npz file, or damaged \(ValueError: ")
    member(model, path, "conv1.b", honest.replace(b"(16,), }" + 9 * b" ", b"(1600000000,), } "))
    refused(path, r"conv1\.b is \(1600000000,\) of float32, and not \(16,\)")


def test_header_that_is_no_python(model, path):
    member(model, path, "conv1.b", npy(np.zeros(16, "f4")).replace(b"}", b"("))
    refused(path, r"it is no \.npz file, or damaged \(TokenError: ")


def test_array_shorter_than_its_header_says(model, path):
    member(model, path, "conv1.b", npy(np.zeros(16, "f4"))[:-4])
    refused(path, r"it is no \.npz file, or damaged \(ValueError: cannot reshape")


def test_other_version_of_numpys_format(model, path):
    data = npy(np.zeros(16, "f4"))
    member(model, path, "conv1.b", data[:6] + b"\x02\x00" + data[8:])
    refused(path, r"conv1\.b is in another version of NumPy's format than 1\.0")


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_array_that_is_there_twice(path):
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("conv1.b.npy", npy(np.ones(16, "f4")))
    refused(path, "it has the arrays")


def test_array_whose_name_lacks_the_ending(model, path):
    """As NumPy would read it, and a fuzzer wrote it."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, values in contents(model).items():
            archive.writestr(name if name == "conv1.b" else f"{name}.npy", npy(values))
    refused(path, r"'conv1\.b', .*, and not .*'conv1\.b\.npy'")
