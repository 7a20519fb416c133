"""The API reference: one page per room, with everything that its stub names, and a search that needs no server."""

from __future__ import annotations

import importlib
import inspect
import warnings
from pathlib import Path

import pdoc

from tools import references

__all__ = ["ROOMS", "pages"]

ROOMS = ("structure", "kernels", "budget", "networks", "views", "views.plots", "views.explorers")


def pages(templates: Path) -> dict[str, str]:
    """Return the pages of the reference, by the names of their files."""
    modules = ["igc_theory", *(f"igc_theory.{room}" for room in ROOMS)]
    for name in modules:
        load_lazy_names(name)
    pdoc.render.configure(docformat="numpy", math=True, search=True, show_source=False, template_directory=templates)
    documented = {name: pdoc.doc.Module.from_name(name) for name in modules}
    with warnings.catch_warnings():
        # pdoc says so where it cannot resolve an annotation, and then shows it as it is written: what is wanted here.
        warnings.simplefilter("ignore", UserWarning)
        made = {
            f"{name.replace('.', '/')}.html": references.linked(
                pdoc.render.html_module(module, documented), f"{'../' * (name.count('.') + 1)}references.html"
            )
            for name, module in documented.items()
        }
        return {**made, "search.js": pdoc.render.search_index(documented)}


def load_lazy_names(name: str) -> None:
    """Put every name that the package promises into it, where pdoc looks; modules are listed anyway."""
    package = importlib.import_module(name)
    for public in package.__all__:
        thing = getattr(package, public)
        if not inspect.ismodule(thing):
            vars(package)[public] = thing
