"""Whole networks: what they are, what they cost, how their paths run."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
