"""The pages: ``./dev docs`` builds them from the repository's own files, with warnings as errors."""

from __future__ import annotations

import typer
from collegium.cli import app as command
from sphinx.application import Sphinx

project = "Collegium"
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "README.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    "plugins/README.md",
    "notebooks/*.ipynb",
]
exclude_patterns = ["**/.ipynb_checkpoints"]

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the tests run the notebooks

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = "Collegium"
html_show_sphinx = False
html_show_copyright = False


def command_line(app: Sphinx, name: str, source: list[str]) -> None:
    """Put every command's help behind the page about the command line."""
    if name == "docs/command_line":
        from typer.cli import get_docs_for_click

        click_command = typer.main.get_command(command)
        context = typer.Context(click_command, info_name="collegium")
        text = get_docs_for_click(obj=click_command, ctx=context, name="collegium", indent=1)
        source[0] += "\n" + text


def setup(app: Sphinx) -> None:
    app.connect("source-read", command_line)
