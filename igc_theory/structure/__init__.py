"""Who is connected to whom: channels, branches and permutations as integers, without weights."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
