"""The practice page beside the documentation, where it is built: at lab/, with a link to it."""

import shutil
from pathlib import Path

from sphinx.application import Sphinx

BUILT = Path(__file__).parents[2] / "build" / "lab"


def _link(app: Sphinx, docname: str, source: list[str]) -> None:
    """Where the page says {{lab}}: a link, or the words alone where it is not built."""
    if docname == "howto/lab":
        link = "<a href='../lab/index.html'>The practice page</a>"
        source[0] = source[0].replace("{{lab}}", link if app.config.lab_is_built else "The page")


def _copy(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.config.lab_is_built and app.builder.format == "html":
        shutil.copytree(BUILT, Path(app.outdir, "lab"), dirs_exist_ok=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect both."""
    app.add_config_value("lab_is_built", (BUILT / "index.html").is_file(), "env")
    app.connect("source-read", _link)
    app.connect("build-finished", _copy)
    return {"parallel_read_safe": True}
