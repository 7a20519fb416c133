"""Sizes of the processor's caches, by which panels of work are cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

__all__ = ["cache_bytes", "data_caches"]

_FOLDER = Path("/sys/devices/system/cpu/cpu0/cache")
_ORDINARY = {1: 2**15, 2: 2**20, 3: 2**24}
"""Bytes taken where the system does not tell."""


@cache
def cache_bytes(level: int) -> int:
    """Return the bytes of the data cache of a level, 1 to 3, next to the first core.

    Examples
    --------
    >>> 2**12 <= cache_bytes(1) <= cache_bytes(2)
    True
    """
    sizes = dict(data_caches())
    return _bytes(sizes.get(str(level), "")) or _ORDINARY[level]


def data_caches() -> Iterator[tuple[str, str]]:
    """Yield level and size, such as ``("2", "1024K")``, of the caches that Linux tells of: virtual machines and ARM may hide some.

    Examples
    --------
    >>> {level for level, size in data_caches()} <= {"1", "2", "3", "4"}
    True
    """
    for index in sorted(_FOLDER.glob("index*")):
        with suppress(OSError):
            kind, level, size = (
                (index / name).read_text(encoding="utf-8").strip() for name in ("type", "level", "size")
            )
            if kind != "Instruction":
                yield level, size


def _bytes(size: str) -> int:
    """Return the bytes that a size means, 0 where it means none."""
    found = re.fullmatch(r"(\d+)([KM]?)", size)
    return int(found[1]) * {"": 1, "K": 2**10, "M": 2**20}[found[2]] if found else 0
