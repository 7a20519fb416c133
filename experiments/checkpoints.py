"""Checkpoints that are whole or refused: a digest in front of what `torch.save` writes, read back without running anything."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tools.files import BuildError, replace_file, shown

__all__ = ["load", "refuse_others", "save"]

MARK = b"igc_theory checkpoint 1\n"
"""What the file begins with; 32 bytes of SHA-256 follow, then the content."""


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors, numbers and text at once: a run that is stopped leaves the old file or the new one."""
    content = io.BytesIO()
    torch.save(dict(state), content)
    replace_file(path, MARK + hashlib.sha256(content.getvalue()).digest() + content.getvalue())


def load(path: Path) -> dict[str, Any] | None:
    """Return what was saved, None if there is no file; BuildError if it is torn, or no checkpoint."""
    if not path.exists():
        return None
    written = path.read_bytes()
    start = len(MARK) + hashlib.sha256().digest_size
    content = written[start:]
    if not written.startswith(MARK):
        raise BuildError(f"{shown(path)} is no checkpoint of this command: name another folder with --out")
    if hashlib.sha256(content).digest() != written[len(MARK) : start]:
        raise BuildError(f"{shown(path)} is torn, its digest is another: bring back a copy, or remove it to begin anew")
    return dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))


def refuse_others(path: Path, saved: Mapping[str, Any], setting: Mapping[str, Any]) -> None:
    """Raise BuildError if a checkpoint was written for another setting; the sentence names what differs."""
    names = dict.fromkeys([*saved, *setting])
    apart = [f"{name} {saved.get(name)} there, {setting.get(name)} here" for name in names
             if saved.get(name) != setting.get(name)]  # fmt: skip
    if apart:
        raise BuildError(
            f"{shown(path)} belongs to another run ({'; '.join(apart)}): give the same arguments, or another folder with --out"
        )
