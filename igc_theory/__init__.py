"""The mathematics of efficient convolutions as something one can run.

Five rooms. `structure`: who is connected to whom. `kernels`: the same with numbers in it. `budget`: what a design costs and
which is best. `networks`: whole networks. `views`: what people look at. Importing the package loads none of them, nor SciPy,
SymPy or Matplotlib: a name is loaded when it is first used.
"""

import lazy_loader as _lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
