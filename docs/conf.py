"""Sphinx: `make docs` writes build/docs."""
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fedisora import __version__

project = "Fedisora"
author = "The Fedisora contributors"
copyright = "the Fedisora contributors, AGPL-3.0-or-later"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
autodoc_type_aliases = {"Validator": "Validator", "GenerationHook": "GenerationHook", "UploadHook": "UploadHook"}
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
# FEDERATION.md, LICENSE and the like stay in the root of the repository, where other software looks for them
suppress_warnings = ["myst.xref_missing"]
html_theme = "alabaster"
html_theme_options = {"description": project + ": video where everybody can tell human from machine.", "page_width": "1080px"}
html_show_sphinx = False
