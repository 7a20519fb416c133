"""Explorers: a few controls, and what the library answers to their settings; one module an explorer.

Each comes in two parts. A plain function from settings to an `Answer`, in numbers, words and a picture: `block_answer` and its
like, which need no widgets. And `explore_block` and its like, which put controls in front of it.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
