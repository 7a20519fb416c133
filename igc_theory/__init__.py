"""The mathematics of efficient convolutions as something you can run.

Five rooms. `structure`: who is connected to whom. `kernels`: the same with numbers in it. `budget`: what a design costs and
which is best. `networks`: whole networks. `views`: what people look at. Importing the package loads none of them, nor SciPy,
SymPy or Matplotlib: a name is loaded when it is first used.
"""

import lazy_loader as _lazy

__version__ = "0.1.0"

_attribute, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Return a name of the package, loaded now; one that a room has is refused with the room's name."""
    try:
        return _attribute(name)
    except AttributeError as error:
        rooms = [
            room for room in ("structure", "kernels", "budget", "networks", "views") if name in _attribute(room).__all__
        ]
        if not rooms or name.startswith("_"):
            raise
        raise AttributeError(f"igc_theory has no {name!r} at the top: use igc_theory.{rooms[0]}.{name}") from error
