"""How JupyterLab saves the notebooks here: one that was only run stays as it is stored, since git would show a difference.

`make lab` reads this file, and so does `jupyter lab` when it is started in this folder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def keep_stored(model: dict[str, Any], path: str, contents_manager: Any, **_: Any) -> None:
    """Put the stored notebook in place of the one to be saved if their cells say the same; outputs and ids do not count."""
    stored = Path(contents_manager.root_dir, path)
    if model["type"] != "notebook" or not stored.is_file():
        return
    try:
        before = json.loads(stored.read_text(encoding="utf-8"))
        if _cells(before) == _cells(model["content"]):
            model["content"] = before
    except (ValueError, KeyError):  # no notebook: it is replaced by what is saved
        return


def _cells(notebook: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a person wrote: kind and source of every cell, one at the end that is empty aside."""
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    return cells[:-1] if cells and cells[-1] == ("code", "") else cells


c = get_config()  # noqa: F821  # Jupyter puts it there
c.FileContentsManager.pre_save_hook = keep_stored
