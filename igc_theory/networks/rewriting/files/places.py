"""The files in which the arrays of an ONNX model lie: its own, and others beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from igc_theory.networks.readers.files.file import parsed, place_of
from igc_theory.structure.arguments.files import content_of

try:
    import onnx
except ImportError:  # rewrite says what to install; to import this module is no error yet
    onnx = None

__all__ = ["model_files", "take_in"]


def model_files(path: Path) -> list[Path]:
    """Return the file of a model, and those that it keeps arrays in; what is no model is one file."""
    try:
        names = {place_of(tensor)[0] for tensor in _outside(parsed(path, content_of("path", path)).model)}
    except Exception:  # the one who reads it says what is wrong
        return [path]
    return [path, *(path.parent / name for name in sorted(names - {""}))]


def take_in(model: Any, folder: Path) -> bool:
    """Put the arrays that lie in other files of a folder into a model; return whether there were any."""
    outside = [*_outside(model)]
    for tensor in outside:
        onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        tensor.ClearField("data_location")
        del tensor.external_data[:]
    return bool(outside)


def _outside(message: Any) -> Iterator[Any]:
    """Yield the arrays in other files, wherever in a model they stand: in graphs, their nodes, or functions."""
    for field, content in message.ListFields():
        if field.message_type is None:
            continue
        for part in content if hasattr(content, "add") else [content]:
            if not isinstance(part, onnx.TensorProto):
                yield from _outside(part)
            elif part.data_location == onnx.TensorProto.EXTERNAL:
                yield part
