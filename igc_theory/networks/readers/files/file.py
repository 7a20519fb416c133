"""An ONNX file: its model without the long arrays, and the arrays as views of the file, copied only when that is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from igc_theory.networks.description.graph import Array, Stored

try:
    import onnx
    import onnx.numpy_helper
except ImportError:  # read_onnx says what to install; to import this module is no error yet
    onnx = None

__all__ = ["File", "first_line", "parsed", "place_of", "stored_as", "type_name"]

LONG = 1024
"""Bytes from which an array stays in the file."""

_DEEPEST = 100
"""Messages within messages, as deep as protocol buffers may be."""

_RAW, _EXTERNAL = 9, "location"


@dataclass(frozen=True)
class File:
    """An ONNX file that has been read.

    Attributes
    ----------
    path : Path
    content : bytes
        All of it; arrays are views of this.
    model : onnx.ModelProto
        Its model; long arrays say where in `content` they lie, as arrays in further files say where they lie in these.
    """

    path: Path
    content: bytes
    model: Any

    def values(self, tensor: Any) -> Array:
        """Return the numbers of an array whose `stored_as` was asked for."""
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            return np.asarray(onnx.numpy_helper.to_array(tensor))
        raw = self._raw(tensor)
        dtype = _numpy_type(tensor.data_type)
        if dtype is not None and dtype.kind in "fiubc" and len(raw) == prod(tensor.dims) * dtype.itemsize:
            return np.frombuffer(raw, dtype.newbyteorder("<")).reshape(tuple(tensor.dims))
        filled = onnx.TensorProto(data_type=tensor.data_type, dims=tensor.dims, raw_data=bytes(raw))
        return np.asarray(onnx.numpy_helper.to_array(filled))

    def _raw(self, tensor: Any) -> memoryview:
        """Return the bytes of an array that lies in this file or in another one."""
        name, start, length = place_of(tensor)
        if not name:
            return memoryview(self.content)[start : start + length]
        with (self.path.parent / name).open("rb") as data:
            data.seek(start)
            raw = data.read(length)
        if len(raw) < length:
            raise ValueError(f"{self.path.parent / name} has been cut off since {self.path} was read: read it again")
        return memoryview(raw)

    def room(self, name: str) -> int:
        """Return the bytes that a file with arrays has; ValueError if it is not there, or not beside this one."""
        if not name:
            return len(self.content)
        place, folders = self.path.parent / name, {self.path.parent.resolve(), self.path.resolve().parent}
        if "\0" in name or not any(place.resolve().is_relative_to(folder) for folder in folders):
            raise ValueError(f"it keeps arrays in {name!r}, outside its folder: that is not read")
        if not place.is_file():
            raise ValueError(f"it keeps arrays in a second file, {name!r}, which is missing: put it beside this one")
        return place.stat().st_size


def parsed(path: Path, content: bytes) -> File:
    """Return the content of a file with its model; ValueError if it is none.

    What a model of one file holds is never copied: reading takes the memory of the file, and little more.
    """
    try:
        light = b"".join(_light(memoryview(content), onnx.ModelProto.DESCRIPTOR))
    except ValueError:
        light = content  # the parser says what is wrong with it
    try:
        model = onnx.ModelProto.FromString(light)
    except Exception as error:  # the parser's own error class belongs to another package
        raise ValueError(
            f"it is not an ONNX model, or is cut off ({first_line(error)}): export or copy it again"
        ) from error
    return File(path, content, model)


def first_line(error: Exception) -> str:
    """Return what an error of another package says, in one line."""
    return " ".join(str(error).split())[:300]


def _light(data: memoryview, message: Any, offset: int = 0, depth: int = 0) -> Iterator[bytes | memoryview]:
    """Yield a message in pieces, every long array replaced by its place in the file."""
    if depth > _DEEPEST:
        raise ValueError("messages within messages")
    copied, behind = 0, b""
    for start, end, number, content in _fields(data):
        if end - content < LONG or content == start:
            continue
        field = message.fields_by_number.get(number)
        if message.name == "TensorProto" and number == _RAW:
            piece, behind = (
                b"",
                _reference(offset + content, end - content),
            )  # of a field given twice the last one counts
        elif field is not None and field.message_type is not None:
            inner = b"".join(_light(data[content:end], field.message_type, offset + content, depth + 1))
            piece = _number(number << 3 | 2) + _number(len(inner)) + inner
        else:
            continue
        yield data[copied:start]
        yield piece
        copied = end
    yield data[copied:]
    yield behind


def _fields(data: memoryview) -> Iterator[tuple[int, int, int, int]]:
    """Yield start and end of every field of a message, its number, and where its content begins if that has a length."""
    place = 0
    while place < len(data):
        start = place
        key, place = _varint(data, place)
        kind, content = key & 7, start
        if kind == 2:
            length, place = _varint(data, place)
            content, place = place, place + length
        elif kind == 0:
            _, place = _varint(data, place)
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            raise ValueError("a field of a kind that ONNX does not use")
        if place > len(data):
            raise ValueError("a field that goes on behind the end")
        yield start, place, key >> 3, content


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """Return a number of variable length, and the place behind it."""
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte = data[place]
        number |= (byte & 127) << shift
        place += 1
        if byte < 128:
            return number, place
    raise ValueError("a number that does not end")


def _number(number: int) -> bytes:
    """Return a number in variable length."""
    digits = [number >> shift & 127 for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([digit | 128 for digit in digits[:-1]] + digits[-1:])


def _reference(start: int, length: int) -> bytes:
    """Return the fields of a tensor that say: its numbers lie there, in this file."""
    tensor = onnx.TensorProto(data_location=onnx.TensorProto.EXTERNAL)
    for key, value in ((_EXTERNAL, ""), ("offset", str(start)), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return bytes(tensor.SerializeToString())


@cache
def _numpy_type(kind: int) -> np.dtype[Any] | None:
    """Return NumPy's type for one of ONNX; None if ONNX has none of that number."""
    try:
        dtype: np.dtype[Any] = onnx.helper.tensor_dtype_to_np_dtype(kind)
    except KeyError:
        return None
    return dtype


@cache
def type_name(kind: int) -> str:
    """Return NumPy's name of the numbers of one of ONNX's types; empty if there is none."""
    dtype = _numpy_type(kind)
    return "" if dtype is None else "str" if dtype.kind == "O" else dtype.name


@cache
def _bits(kind: int) -> int:
    """Return how many bits a number of one of ONNX's types takes in a file."""
    packed = re.match(r"u?int([24])$|float([46])_", type_name(kind))
    dtype = _numpy_type(kind)
    return int(packed[1] or packed[2]) if packed else 0 if dtype is None else 8 * dtype.itemsize


def place_of(tensor: Any) -> tuple[str, int, int]:
    """Return the file in which an array lies (empty for the model's own), where in it, and how many bytes it takes."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    try:
        start, length = int(entries.get("offset", 0)), int(entries.get("length", _bytes(tensor)))
    except ValueError as error:
        raise ValueError(f"it does not say in numbers where the array {tensor.name!r} lies: export it again") from error
    return entries.get(_EXTERNAL, ""), start, length


def _bytes(tensor: Any) -> int:
    """Return the bytes that an array takes."""
    return -(-int(prod(tensor.dims)) * _bits(tensor.data_type) // 8)


def stored_as(file: File, tensor: Any) -> Stored:
    """Return shape and type of an array; ValueError if the numbers that it needs are not there."""
    name, shape = type_name(tensor.data_type), tuple(tensor.dims)
    if not name:
        raise ValueError(f"the array {tensor.name!r} has numbers of type {tensor.data_type}, which ONNX does not have")
    if any(not 0 <= size < 2**40 for size in shape) or tensor.HasField("segment"):
        raise ValueError(f"the array {tensor.name!r} has the shape {shape}, and may be a segment: store it whole")
    found, needed, where = _held(file, tensor)
    if found != needed:
        raise ValueError(
            f"the array {tensor.name!r} of shape {shape} and type {name} needs {needed} {where}, and has {found}: "
            "it is cut off, so export or copy it again"
        )
    return Stored(shape, name, trained=name not in ("str", "bool"))


def _held(file: File, tensor: Any) -> tuple[int, int, str]:
    """Return how much of an array is there, how much it needs, and of what."""
    needed = _bytes(tensor)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        name, start, length = place_of(tensor)
        inside = min(length, file.room(name) - start) if start >= 0 else 0
        return max(inside, 0), needed, f"bytes of {name!r}" if name else "bytes"
    if tensor.HasField("raw_data") and type_name(tensor.data_type) != "str":
        return len(tensor.raw_data), needed, "bytes"
    field, count, bits = _field(tensor.data_type), prod(tensor.dims), _bits(tensor.data_type)
    whole = 2 * count if "complex" in type_name(tensor.data_type) else needed if bits < 8 else count
    return len(getattr(tensor, field)), whole, "numbers"


@cache
def _field(kind: int) -> str:
    """Return the field of a tensor that holds numbers of one of ONNX's types."""
    return str(onnx.helper.tensor_dtype_to_field(kind))
