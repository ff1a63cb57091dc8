"""The documentation as a site: `make docs` builds it, into build/docs, with warnings as errors."""

import logging
import re
import sys
from pathlib import Path

from jupyter_client.manager import KernelManager
from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from lengen.config.version import VERSION

project, author, copyright = "lengen", "the authors of lengen", "the authors of lengen, MIT license"  # noqa: A001
version = release = VERSION
SOURCE = "https://github.com/lengen/lengen/blob/main/"

extensions = ["myst_nb", "sphinx_copybutton", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference_pages"]
exclude_patterns = ["README.md", "_build"]  # README.md is the table of contents where there is no site
nitpicky = False

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
highlight_language = "none"  # of indented blocks: commands with their meaning beside them
copybutton_prompt_text = "$ "
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
napoleon_google_docstring = True

nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True
KernelManager.transport_encryption.default_value = "auto"  # kernels without it warn
logging.getLogger("traitlets").setLevel(logging.WARNING)  # not one line for each notebook that is begun

html_theme = "furo"
html_title = "lengen"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_theme_options = {
    "source_repository": "https://github.com/lengen/lengen/",
    "source_branch": "main",
    "source_directory": "docs/",
}


def link_to_repository(app: Sphinx, name: str, content: list[str]) -> None:
    """Let links to files outside this folder, which are no pages, lead to the repository; pictures are copied."""
    content[0] = re.sub(r"(?<!\!)(\[[^\]]*\]\()\.\./", rf"\1{SOURCE}", content[0])


def as_restructured_text(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Write the code of a docstring, in backticks and in indented blocks, as Sphinx reads it."""
    text = re.sub(r"(?<![`:])`([^`\n]+)`(?!`)", r"``\1``", "\n".join(lines))
    lines[:] = re.sub(r"^(\S.*)\n\n(?= {4}\S)", r"\1\n\n::\n\n", text, flags=re.MULTILINE).split("\n")


def setup(app: Sphinx) -> None:
    """Register what this file adds."""
    app.connect("autodoc-process-docstring", as_restructured_text, priority=400)  # before napoleon
    app.connect("source-read", link_to_repository)
