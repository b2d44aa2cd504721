"""Lists of convolutions in the notation of oneDNN's benchdnn, shared by tests and benchmarks.

    mb8ic64ih56oc64oh56kh3sh1dh0ph1n"name"

is a batch of 8, 64 channels of 56×56 in, 64 of 56×56 out, a 3×3 kernel, stride 1, dilation dh + 1,
padding 1; `g` gives groups. A width that is not given is the height. oh must follow from the rest.
A line that ends with `# quick` is in the short run too; any other comment has its line to itself.
"""

import re
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

from ..call.geometries import convolution
from ..call.options import Options
from ..core.geometry import ConvGeometry

_FIELD = re.compile(r"(mb|g|ic|ih|iw|oc|oh|ow|kh|kw|sh|sw|dh|dw|ph|pw)(\d+)")
_LINE = re.compile(rf'(?P<fields>(?:{_FIELD.pattern})+)n"(?P<name>[^"]+)"')
_QUICK = re.compile(r"\s*# quick$")


class ConvProblem(NamedTuple):
    """A convolution and how to call it."""

    name: str
    x_shape: tuple[int, ...]
    W_shape: tuple[int, ...]
    padding: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    @property
    def geometry(self) -> ConvGeometry:
        options = Options(self.padding, self.stride, self.dilation, self.groups)
        return convolution(2, self.x_shape, self.W_shape, options)[0]

    @property
    def options(self) -> dict[str, int | tuple[int, int]]:
        """The arguments of `conv2d` that are not its defaults."""
        plain = {"padding": (0, 0), "stride": (1, 1), "dilation": (1, 1), "groups": 1}
        return {name: value for name in plain if (value := getattr(self, name)) != plain[name]}


class Listed(NamedTuple):
    """A line of a list."""

    list: str
    notation: str
    quick: bool  # in the short run too

    @property
    def problem(self) -> ConvProblem:
        return parse(self.notation)


@lru_cache(maxsize=1024)
def parse(line: str) -> ConvProblem:
    """A problem from its notation; ValueError says what is wrong with it."""
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise ValueError(f'{line!r} is not of the form mb8ic64ih56oc64oh56kh3ph1n"name"')
    fields = {key: int(number) for key, number in _FIELD.findall(match["fields"])}

    def pair(key: str, default: int) -> tuple[int, int]:
        height = fields.get(f"{key}h", default)
        return height, fields.get(f"{key}w", height)

    groups = fields.get("g", 1)
    d_h, d_w = pair("d", 0)
    problem = ConvProblem(
        match["name"],
        (fields.get("mb", 1), fields["ic"], *pair("i", 1)),
        (fields["oc"], fields["ic"] // groups, *pair("k", 1)),
        pair("p", 0),
        pair("s", 1),
        (d_h + 1, d_w + 1),
        groups,
    )
    if problem.geometry.out_shape[2:] != pair("o", 1):
        raise ValueError(f"{line!r}: the output is {problem.geometry.out_shape[2:]}")
    return problem


def lists() -> tuple[str, ...]:
    """The names of the lists."""
    folder = resources.files(__package__) / "shapes"
    names = (f.name for f in folder.iterdir())
    return tuple(sorted(n.removesuffix(".txt") for n in names if n.endswith(".txt")))


def load(name: str) -> list[Listed]:
    """The problems of a list, in order; each has been parsed."""
    text = (resources.files(__package__) / "shapes" / f"{name}.txt").read_text("utf-8")
    lines = (line.strip() for line in text.splitlines())
    listed = []
    for line in lines:
        if line and not line.startswith("#"):
            notation = _QUICK.sub("", line)
            parse(notation)
            listed.append(Listed(name, notation, notation != line))
    return listed
