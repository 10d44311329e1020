"""Settings of the documentation site: the pages of the repository, and the API reference from the docstrings."""

import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))
shutil.rmtree(DOCS / "api", ignore_errors=True)  # pages of packages that are gone

project = "Clinical SSL bundles"
copyright = "the contributors, Apache License 2.0"
html_title = project
html_theme = "furo"
html_show_sourcelink = False

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "docs/**.rst", "bundles/*/docs/*.md"]
# the first ones need not be looked through for pages
exclude_patterns = [".*", "*venv*", "build", "common", "outputs", "scripts", "tests", "docs/_templates"]
templates_path = [str(DOCS / "_templates")]
myst_heading_anchors = 4  # as GitHub makes them

autosummary_imported_members = True  # a package's page describes what its __init__ exports
autosummary_ignore_module_all = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # a dataclass lists its fields once
