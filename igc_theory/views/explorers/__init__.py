"""Explorers: a few controls, and what the library answers to their settings; one module per explorer.

Each comes in two parts. A plain function such as `block_answer` turns settings into an `Answer`, in numbers, words and a
picture; it needs no widgets. A function such as `explore_block` puts controls in front of it.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
