"""Digits in picture files: read whatever the format, size and polarity, or refused."""

import os
import struct
import zlib
from contextlib import suppress
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dxdw.classifier.digits import split_digits
from dxdw.classifier.files import FileRefused
from dxdw.classifier.model_file import load_model
from dxdw.classifier.pictures import EXPECTED, MOST_PIXELS, read_digit

RESAMPLING = Image.Resampling


@pytest.fixture(scope="module")
def model():
    return load_model(str(files("dxdw").joinpath("data/tinycnn.npz")))


@pytest.fixture(scope="module")
def held_out():
    return split_digits()[1]


def upscaled(image, size, margin=0, resampling=RESAMPLING.BICUBIC):
    """A digit of the data set as a larger picture, dark on light."""
    grey = Image.fromarray(np.uint8(255 * (1 - image))).resize((size, size), resampling)
    return Image.fromarray(np.pad(np.asarray(grey), margin, constant_values=255))


def drawn_seven(size=(300, 400), paper=255, ink=0, width=24, mode="L"):
    """Two strokes, which every reader of digits should take for a 7."""
    picture = Image.new(mode, size, paper)
    w, h = size
    strokes = [(0.25 * w, 0.2 * h), (0.75 * w, 0.2 * h), (0.45 * w, 0.85 * h)]
    ImageDraw.Draw(picture).line(strokes, fill=ink, width=width, joint="curve")
    return picture


def read(model, path):
    return int(model.probabilities(read_digit(path)[None])[0].argmax())


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "margin", "resampling", "count", "least"),
    [
        (100, 40, RESAMPLING.BICUBIC, 360, 0.975),
        (8, 0, RESAMPLING.NEAREST, 120, 0.95),
        (61, 7, RESAMPLING.NEAREST, 120, 0.95),
    ],
    ids=["smooth with a margin", "as it is", "blocks"],
)
def test_held_out_digits_as_pictures_are_read_nearly_as_well(
    model, held_out, tmp_path, size, margin, resampling, count, least
):
    images = []
    for number, image in enumerate(held_out.images[:count, 0]):
        path = tmp_path / f"{number}.png"
        upscaled(image, size, margin, resampling).save(path)
        images.append(read_digit(path))
    right = model.probabilities(np.stack(images)).argmax(1) == held_out.labels[:count]
    assert right.mean() >= least


def test_result_is_as_the_network_wants_it(tmp_path):
    drawn_seven().save(tmp_path / "7.png")
    image = read_digit(str(tmp_path / "7.png"))
    assert (image.shape, image.dtype) == ((1, 8, 8), np.float32)
    assert image.min() == 0
    assert 0.9 < image.max() <= 1
    assert 0.2 < image.mean() < 0.4


@pytest.mark.parametrize("size", [(12, 16), (30, 40), (300, 400), (900, 700), (2000, 3000)])
@pytest.mark.parametrize("thickness", [0.01, 0.05, 0.12], ids=["thin", "middle", "thick"])
def test_size_and_thickness_of_strokes(model, tmp_path, size, thickness):
    drawn_seven(size, width=max(1, round(thickness * size[1]))).save(tmp_path / "7.png")
    assert read(model, tmp_path / "7.png") == 7


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tiff", "webp", "ppm"])
@pytest.mark.parametrize("polarity", ["dark on light", "light on dark"])
def test_format_and_polarity(tmp_path, suffix, polarity):
    drawn_seven().save(tmp_path / "plain.png")
    paper, ink = (230, 40) if polarity == "dark on light" else (40, 230)
    drawn_seven(paper=(paper,) * 3, ink=(ink,) * 3, mode="RGB").save(tmp_path / f"7.{suffix}")
    difference = read_digit(tmp_path / f"7.{suffix}") - read_digit(tmp_path / "plain.png")
    assert np.abs(difference).max() < 0.06


def modes():
    seven = drawn_seven()
    clear = Image.merge("LA", (Image.new("L", seven.size, 0), seven.point(lambda v: 255 - v)))
    white = Image.merge("LA", (Image.new("L", seven.size, 255), seven.point(lambda v: 255 - v)))
    deep = Image.fromarray(np.asarray(seven, np.uint16) * 40 + 20_000)
    return {
        "black and white": (seven.convert("1"), "png"),
        "palette": (seven.convert("RGB").quantize(5), "png"),
        "16 bits": (deep, "png"),
        "32-bit floats": (Image.fromarray(np.asarray(seven, np.float32) * 1e-3 - 7), "tiff"),
        "black on clear": (clear, "png"),
        "white on clear": (white.convert("RGBA"), "png"),
        "CMYK": (seven.convert("CMYK"), "jpg"),
        "coloured": (drawn_seven(paper=(250, 240, 200), ink=(60, 20, 150), mode="RGB"), "png"),
    }


@pytest.mark.parametrize(
    "mode",
    [
        "black and white", "palette", "16 bits", "32-bit floats", "black on clear",
        "white on clear", "CMYK", "coloured",
    ],
)  # fmt: skip
def test_modes(tmp_path, mode):
    picture, suffix = modes()[mode]
    picture.save(tmp_path / f"7.{suffix}")
    drawn_seven().save(tmp_path / "plain.png")
    difference = read_digit(tmp_path / f"7.{suffix}") - read_digit(tmp_path / "plain.png")
    assert np.abs(difference).max() < 0.06


def test_a_photograph_that_the_camera_calls_turned_is_turned_back(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    drawn_seven().transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=exif)
    drawn_seven().save(tmp_path / "upright.jpg")
    difference = read_digit(tmp_path / "turned.jpg") - read_digit(tmp_path / "upright.jpg")
    assert np.abs(difference).max() < 0.02


def slanted_zero(slant):
    zero = Image.new("L", (500, 400), 255)
    ImageDraw.Draw(zero).ellipse((170, 60, 330, 340), outline=0, width=30)
    return zero.transform(
        zero.size, Image.Transform.AFFINE, (1, slant, -slant * 200, 0, 1, 0), fillcolor=255
    )


@pytest.mark.parametrize("sign", [-1, 1])
def test_slanted_digits_are_set_upright(model, tmp_path, sign):
    images = []
    for slant in (0, 0.4, 0.6, 0.8):
        slanted_zero(sign * slant).save(tmp_path / "0.png")
        images.append(read_digit(tmp_path / "0.png"))
    assert model.probabilities(np.stack(images)).argmax(1).tolist() == [0, 0, 0, 0]
    # What is beyond the data set's own slant is taken away, so these are as slanted as that.
    np.testing.assert_allclose(images[2], images[1], atol=0.15)
    np.testing.assert_allclose(images[3], images[1], atol=0.15)


def test_place_in_the_picture_does_not_matter(tmp_path):
    seven = drawn_seven()
    images = []
    for number, corner in enumerate([(0, 0), (500, 20), (300, 350)]):
        page = Image.new("L", (800, 800), 255)
        page.paste(seven, corner)
        page.crop((0, 0, 800, 800)).save(tmp_path / f"{number}.png")
        images.append(read_digit(tmp_path / f"{number}.png"))
    for image in images[1:]:
        assert np.abs(image - images[0]).max() < 0.1


# --- what is refused ------------------------------------------------------------------------------


def refused(path, what):
    with pytest.raises(FileRefused, match=what) as caught:
        read_digit(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.endswith(f"expected {EXPECTED}")
    assert "\n" not in message


def png_that_declares(width, height):
    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1 << 20))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("width", "height"), [(50_000, 50_000), (8_000, 5_001), (2**31 - 1, 1), (10_000, 10_000)]
)
def test_decompression_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch, width, height):
    def decode(*_):
        raise AssertionError("it was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    path = tmp_path / "bomb.png"
    path.write_bytes(png_that_declares(width, height))
    refused(path, r"more than 40,000,000|exceeds limit")
    assert MOST_PIXELS < Image.MAX_IMAGE_PIXELS / 2


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "it is empty"),
        (b"just text", "it is no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "it is no picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nquit\n", "no picture"),
        (b"\x89PNG\r\n\x1a\n", "it is no picture|it is damaged"),
    ],
    ids=["empty", "text", "SVG", "EPS", "signature"],
)
def test_what_is_no_picture(tmp_path, data, what):
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    refused(path, what)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file; expected a picture"):
        read_digit(tmp_path / "none.png")
    with pytest.raises(IsADirectoryError, match="it is a folder; expected a picture"):
        read_digit(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    refused(tmp_path / "pipe.png", "it is no regular file")


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tiff", "webp"])
def test_cut_short(tmp_path, suffix):
    path = tmp_path / f"7.{suffix}"
    noise = np.random.default_rng(0).integers(0, 60, (120, 90, 3), np.uint8)
    seven = np.asarray(drawn_seven((90, 120), width=9, mode="RGB", paper=(255,) * 3))
    Image.fromarray(np.maximum(seven, noise) - noise // 2).save(path)
    data = path.read_bytes()
    for part in (0.1, 0.5, 0.9):
        path.write_bytes(data[: int(part * len(data))])
        refused(path, "it is damaged or cut short|it is no picture")


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tiff", "webp", "bmp"])
def test_any_damaged_byte_is_refused_or_still_a_picture(tmp_path, suffix):
    path = tmp_path / f"7.{suffix}"
    drawn_seven((45, 60), width=6).save(path)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(data), 60):
        damaged = bytearray(data)
        damaged[position] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            image = read_digit(path)
        except FileRefused:
            continue
        assert image.shape == (1, 8, 8)
        assert np.isfinite(image).all()


BLANK = {
    "white": Image.new("L", (60, 80), 255),
    "black": Image.new("L", (60, 80), 0),
    "one pixel": Image.new("RGB", (1, 1), (9, 99, 9)),
    "transparent": Image.new("RGBA", (60, 80), (0, 0, 0, 0)),
    "noise": Image.fromarray(
        np.random.default_rng(0).integers(120, 135, (60, 80)).astype(np.uint8)
    ),
}


@pytest.mark.parametrize("picture", BLANK.values(), ids=BLANK)
def test_blank(tmp_path, picture):
    picture.save(tmp_path / "blank.png")
    refused(tmp_path / "blank.png", "it is blank: ")


def test_ink_that_can_hardly_be_told_from_paper(tmp_path):
    drawn_seven(paper=200, ink=190).save(tmp_path / "faint.png")
    refused(tmp_path / "faint.png", r"it is blank: paper and ink differ by 4% of .* less than 10%")


def test_pixels_that_are_no_numbers(tmp_path):
    values = np.asarray(drawn_seven(), np.float32).copy()
    values[3, 3] = np.nan
    Image.fromarray(values).save(tmp_path / "nan.tiff")
    refused(tmp_path / "nan.tiff", "pixels that are no numbers")


@pytest.mark.parametrize("size", [(1, 9), (9, 1), (2, 2), (1, 4000), (4000, 1), (3, 600)])
def test_odd_sizes_are_read_or_refused(tmp_path, size):
    checkered = np.indices(size[::-1]).sum(0) % 3 == 0
    Image.fromarray(np.uint8(255 * checkered)).save(tmp_path / "odd.png")
    with suppress(FileRefused):
        assert np.isfinite(read_digit(tmp_path / "odd.png")).all()
