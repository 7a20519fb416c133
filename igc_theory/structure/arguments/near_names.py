"""What a name that is not known may have meant; no NumPy here, so that the command line starts at once."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean"]


def did_you_mean(name: str, known: Iterable[str], mark: str = "") -> str:
    """Return a question that names the nearest of the known names, each behind a mark; an empty text where none is near.

    Examples
    --------
    >>> did_you_mean("igcv4", ["igcv1", "igcv2", "igcv3", "monarch"])
    'did you mean igcv3, igcv2 or igcv1?'
    >>> did_you_mean("monarchy", ["igcv1", "monarch"]), did_you_mean("blast", ["igcv1", "monarch"])
    ('did you mean monarch?', '')
    """
    near = [mark + meant for meant in get_close_matches(name[:100], list(known), n=3)]
    *others, last = near or [""]
    return f"did you mean {' or '.join(filter(None, [', '.join(others), last]))}?" if last else ""
