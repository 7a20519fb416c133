"""Whole networks: what they are, what they cost, how their paths run."""

import lazy_loader as _lazy

# The one function that has its module's name: bound now, or the module would take the name when it is first imported.
from igc_theory.networks.published import published as published

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
