"""Files that are to be written, checked before the work whose result they shall hold."""

import os
from pathlib import Path
from typing import Any

from igc_theory.structure.arguments.kinds import path_of

__all__ = ["file_to_write"]


def file_to_write(name: str, value: Any, example: str) -> Path:
    """Return the path of a file that can be written: it is no folder, and its folder is there and open for writing.

    Examples
    --------
    >>> file_to_write("path", "/dev/null/machine.json", "machine.json")
    Traceback (most recent call last):
    ...
    ValueError: path='/dev/null/machine.json' is in a folder that is not there: make /dev/null, or give another file
    """
    path = path_of(name, value)
    said, folder = f"{name}={str(path)!r}", Path(os.path.realpath(path)).parent
    if path.is_dir():
        raise ValueError(f"{said} is a folder: give a file in it, such as {path / example}")
    if not folder.is_dir():
        raise ValueError(f"{said} is in a folder that is not there: make {folder}, or give another file")
    is_device = path.exists() and not path.is_file()
    if not os.access(path if is_device else folder, os.W_OK):
        raise ValueError(f"{said} cannot be written, as {folder} is not open for it: give a file in another folder")
    return path
