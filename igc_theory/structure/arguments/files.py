"""Files: those to be read must have an end, those to be written are checked before the work whose result they shall hold."""

import os
from pathlib import Path
from typing import Any

from igc_theory.structure.arguments.kinds import path_of, shown

__all__ = ["content_of", "file_to_write", "name_as_text"]


def content_of(name: str, value: Any) -> bytes:
    """Return the bytes of a file or a pipe; of a device, such as /dev/zero, they need have no end.

    Examples
    --------
    >>> content_of("table", os.devnull)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: table='...' is a device, which need have no end: give a file
    """
    path = path_of(name, value)
    if path.is_char_device():
        raise ValueError(f"{name}={shown(str(path))} is a device, which need have no end: give a file")
    return path.read_bytes()


def file_to_write(name: str, value: Any, example: str) -> Path:
    """Return the path of a file that can be written: it is no folder, and its folder is there and open for writing.

    Examples
    --------
    >>> file_to_write("path", "nowhere/machine.json", "machine.json")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: path='nowhere...' is in a folder that is not there: make ...nowhere, or give another file
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


def name_as_text(name: str, most: int | None = None) -> str:
    r"""Return the name of a file as Unicode text, with a question mark for each byte that is none.

    With `most`, it is cut to that many bytes of UTF-8: systems limit the bytes of a name, and a letter takes up to four.

    Examples
    --------
    >>> name_as_text("caf\udce9"), name_as_text("éé", 3)
    ('caf?', 'é')
    """
    return name.encode(errors="replace")[:most].decode(errors="ignore")
