"""Pictures in pages: each says its size, so that nothing moves while it loads."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from tools.files import BuildError, read_text

__all__ = ["sized"]

PIXELS_PER_POINT = 4 / 3


def sized(html: str, files: Mapping[str, Path]) -> str:
    """Return a page whose pictures have width and height; `files` are those of the site, by the addresses that pages use.

    Nothing in scripts is touched.
    """
    return re.sub(
        r"<script\b.*?</script>|<img\b[^>]*>", lambda found: _with_size(found[0], files), html, flags=re.DOTALL
    )


def _with_size(tag: str, files: Mapping[str, Path]) -> str:
    source = re.search(r'\bsrc="([^"]*)"', tag)
    if source is None or tag.startswith("<script") or re.search(r"\bwidth=", tag):
        return tag
    width, height = _size(source[1], files)
    return f'<img width="{width}" height="{height}"{tag[len("<img") :]}'


def _size(address: str, files: Mapping[str, Path]) -> tuple[int, int]:
    """Return width and height in CSS pixels."""
    if address.startswith("data:"):
        return _raster(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    if address not in files:
        raise BuildError(f"a page shows {address}, which is no file of the site: add it to what is copied")
    if not address.endswith(".svg"):
        return _raster(files[address])
    found = re.search(r'<svg\b[^>]*? width="([\d.]+)pt" height="([\d.]+)pt"', read_text(files[address]))
    if found is None:
        raise BuildError(f"{files[address].name} has no width and height in points: draw it with Matplotlib")
    return round(PIXELS_PER_POINT * float(found[1])), round(PIXELS_PER_POINT * float(found[2]))


def _raster(source: io.BytesIO | Path) -> tuple[int, int]:
    with Image.open(source) as picture:
        return picture.size
