"""Pictures of digits as people have them, brought to what the network was trained on.

The training digits were found in scans and brought to one size, position and slant in 32×32 pixels,
whose blocks of 4×4 were counted to 8×8. Here the same is done to any picture: ink is told from
paper, cut out, and set as the data set's digits are. The numbers below are measured on those.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Array
from .digits import SIZE
from .files import FileRefused, check_readable

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

EXPECTED = "a picture of one digit, as PNG, JPEG, GIF, BMP, TIFF or WebP"

# No others: EPS, for one, would be handed to an interpreter that runs programs.
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MOST_PIXELS = 40_000_000  # of a large camera; Pillow itself refuses from 179 million
_MOST_BYTES = 1 << 29
_WORKING_SIZE = 512  # pixels; more detail than 32×32 can use
_LEAST_CONTRAST = 0.1  # between paper and ink, where black and white are 1 apart

BITMAP = 128  # pixels: four for each of the data set's, so that strokes grow in small steps
WIDEST = 80  # of them: NIST brought digits to 20 of 32
_MIDDLE = 65  # the column where the ink has its centre
_LEAST_INK = 0.25  # of the bitmap is inked: 99 % of them have more, 31 % on average
MOST_SLANT = 0.2  # columns by row: they were sheared upright, and 87 % have less
_EDGE = 0.4  # the ink that counts as inside the digit


def read_digit(path: str | Path) -> Array:
    """The one digit in a picture file, as the network wants it.

    Args:
        path: a PNG, JPEG, GIF, BMP, TIFF, WebP or PNM file of any size, with one digit, dark on
            light or light on dark, in colour or grey, with or without transparency. Of several
            frames the first is read.

    Returns:
        (1, 8, 8) in float32, 0 for paper and 1 for ink.

    Raises:
        OSError: the file is missing, a folder, or can't be read.
        FileRefused: it is no picture, damaged, cut short, blank, or has more than 40 million pixels
            (which is known before any is decoded).
    """
    path = Path(path)
    check_readable(path, EXPECTED, _MOST_BYTES)
    grey = _read_grey(path)
    try:
        ink = _ink(grey)
    except ValueError as error:
        raise FileRefused(path, str(error), EXPECTED) from None
    return _as_in_the_data_set(ink)[None]


# --- decoding -------------------------------------------------------------------------------------


def _read_grey(path: Path) -> Array:
    """The picture as (H, W) of 0 for black to 1 for white."""
    from PIL import Image, UnidentifiedImageError

    Image.init()
    with warnings.catch_warnings():
        # About metadata that is never looked at, and about sizes that are refused below.
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=[f for f in FORMATS if f in Image.OPEN]) as picture:
                width, height = picture.size
                if width * height <= MOST_PIXELS:
                    return _grey(picture)
        except UnidentifiedImageError:
            raise FileRefused(path, "it is no picture", EXPECTED) from None
        except Image.DecompressionBombError as error:
            raise FileRefused(path, str(error), EXPECTED) from None
        except Exception as error:  # decoders meet damage with nearly any of them
            wrong = f"it is damaged or cut short ({type(error).__name__}: {error})"
            raise FileRefused(path, wrong, EXPECTED) from error
    wrong = f"it has {width}×{height} pixels, more than {MOST_PIXELS:,}"
    raise FileRefused(path, wrong, EXPECTED)


def _grey(picture: "Picture") -> Array:
    from PIL import Image, ImageOps

    picture.draft("L", (_WORKING_SIZE, _WORKING_SIZE))  # JPEG decodes to a smaller size at once
    ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode.startswith(("I", "F")):  # more than 8 bits, which Pillow would cut off
        values = np.asarray(picture, np.float64)
        if not np.isfinite(values).all():
            raise ValueError("it has pixels that are no numbers")
        values = (values - values.min()) / (np.ptp(values) or 1)
        picture = Image.fromarray(np.uint8(255 * values))
    elif picture.has_transparency_data:
        picture = _on_paper(picture.convert("RGBA"))
    picture = picture.convert("L")
    picture.thumbnail((_WORKING_SIZE, _WORKING_SIZE), Image.Resampling.BOX)
    return np.asarray(picture, np.float64) / 255


def _on_paper(picture: "Picture") -> "Picture":
    """A transparent picture on white, or on black where what can be seen of it is light."""
    from PIL import Image

    seen = np.asarray(picture.getchannel("A"), np.float64)
    grey = np.asarray(picture.convert("RGB").convert("L"), np.float64)
    light = (grey * seen).sum() > 127.5 * seen.sum()
    paper = Image.new("RGBA", picture.size, (0, 0, 0) if light else (255, 255, 255))
    return Image.alpha_composite(paper, picture)


# --- ink and paper --------------------------------------------------------------------------------


def _ink(grey: Array) -> Array:
    """How much ink is at each pixel, 0…1. What most of the picture's edge shows is paper."""
    bright = grey > _threshold(grey)
    edge = np.concatenate((bright[0], bright[-1], bright[:, 0], bright[:, -1]))
    if edge.mean() < 0.5:  # light on dark
        grey, bright = 1 - grey, ~bright
    if bright.all() or not bright.any():
        raise ValueError("it is blank: all of it has one brightness")
    paper, ink = np.median(grey[bright]), np.quantile(grey[~bright], 0.1)
    if paper - ink < _LEAST_CONTRAST:
        raise ValueError(
            f"it is blank: paper and ink differ by {paper - ink:.0%} of black to white, "
            f"less than {_LEAST_CONTRAST:.0%}"
        )
    return np.clip((paper - grey) / (paper - ink), 0, 1)


def _threshold(grey: Array) -> float:
    """The brightness that parts the pixels into the two classes with the most distant means.

    Source: Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    counts = np.bincount(np.rint(255 * grey).astype(np.intp).ravel(), minlength=256)
    levels = np.arange(256) / 255
    below, sum_below = np.cumsum(counts), np.cumsum(counts * levels)
    above, sum_above = below[-1] - below, sum_below[-1] - sum_below
    means = sum_below / np.maximum(below, 1), sum_above / np.maximum(above, 1)
    return float(levels[np.argmax(below * above * (means[0] - means[1]) ** 2)] + 0.5 / 255)


# --- size, slant, thickness and position ----------------------------------------------------------


def _as_in_the_data_set(ink: Array) -> Array:
    """The digit as 8×8 of 0…1: as high as the bitmap, upright, thick enough, its ink centred."""
    from PIL import Image

    digit = _cut_out(_upright(_cut_out(ink)))
    height, width = digit.shape
    width = max(1, min(WIDEST, round(width * BITMAP / height)))
    averaging = Image.Resampling.BOX if height > BITMAP else Image.Resampling.BILINEAR
    picture = Image.fromarray(np.uint8(255 * digit)).resize((width, BITMAP), averaging)
    bitmap = Image.new("L", (BITMAP, BITMAP))
    bitmap.paste(picture, ((BITMAP - width) // 2, 0))
    inked = _thick_enough(bitmap)

    return counted(inked)


def counted(inked: Array) -> Array:
    """A bitmap of the data set's kind, (128, 128) of 0…1 with ink, centred and counted to 8×8."""
    columns = np.flatnonzero(inked.any(0))
    centre = np.average(np.arange(BITMAP) + 0.5, weights=inked.sum(0))
    shift = np.clip(round(_MIDDLE - centre), -columns[0], BITMAP - 1 - columns[-1])
    block = BITMAP // SIZE
    blocks = np.roll(inked, shift, 1).reshape(SIZE, block, SIZE, block)
    return blocks.mean((1, 3)).astype(np.float32)


def _thick_enough(bitmap: "Picture") -> Array:
    """Ink of 0…1, thickened by whole pixels, the last of which counts in part."""
    from PIL import ImageFilter

    ink = np.asarray(bitmap) / 255
    while (missing := _LEAST_INK - ink.mean()) > 0:  # ends, since ink grows to all sides
        bitmap = bitmap.filter(ImageFilter.MaxFilter(3))
        growth = np.asarray(bitmap) / 255 - ink
        if growth.mean() >= missing:
            return ink + growth * missing / growth.mean()
        ink = ink + growth
    return ink


def _cut_out(ink: Array) -> Array:
    inside = ink > _EDGE * ink.max()
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _upright(ink: Array) -> Array:
    """Sheared back to the most slant that the data set has, if there is more."""
    from PIL import Image

    y, x = np.indices(ink.shape) + 0.5
    y, x = y - np.average(y, weights=ink), x - np.average(x, weights=ink)
    slant = (ink * x * y).sum() / max((ink * y * y).sum(), 1e-9)
    excess = slant - np.clip(slant, -MOST_SLANT, MOST_SLANT)
    if not excess:
        return ink
    room = int(abs(excess) * len(ink)) + 1
    wide = np.pad(ink, ((0, 0), (room, room)))
    # The pixel at (x, y) comes from (x + excess·y, y), with y from the middle row.
    shear = (1, excess, -excess * len(ink) / 2, 0, 1, 0)
    size = wide.shape[::-1]
    picture = Image.fromarray(wide.astype(np.float32))
    return np.asarray(
        picture.transform(size, Image.Transform.AFFINE, shear, Image.Resampling.BILINEAR)
    )
