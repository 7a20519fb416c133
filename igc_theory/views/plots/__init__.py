"""Pictures: `plot_*` takes columns of numbers and draws them on one Axes; one folder per room."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
