"""How Sphinx builds the documentation: `make docs`, into build/docs."""

import os
import sys
from pathlib import Path

import dxdw

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

# Documentation that depends on how many cores built it could not be compared with itself.
os.environ.setdefault("DXDW_NUM_THREADS", "2")

project = "dxdw"
author = "the dxdw developers"
copyright = author  # noqa: A001 - Sphinx's name for it
version = release = dxdw.__version__

extensions = [
    "lab_page",
    "mathml",
    "plain_docstrings",
    "myst_nb",  # pages of Markdown whose code runs when they are built
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",  # cards on the front page
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_ext",
    "gallery/*.ipynb",  # downloads
    "**sg_execution_times.rst",  # whose page would fetch scripts from elsewhere
]

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,  # how long it took says something of the machine that builds
    "abort_on_example_error": True,
    "matplotlib_animations": False,
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"dxdw {release}"
html_static_path = ["_static"]
html_css_files = ["page.css"]
# Read from a folder too, without a network: nothing is fetched.
html_show_sourcelink = False

myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_raise_on_error = True  # an example that breaks, breaks the build
nb_execution_timeout = 120
nb_merge_streams = True
nb_render_markdown_format = "myst"  # tables, in what an example shows

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say shapes and dtypes, which types can't
napoleon_google_docstring = False
napoleon_use_param = False  # types are words, and no names to be found
napoleon_use_rtype = False

nitpicky = True  # every reference has a target
