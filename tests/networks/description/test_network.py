"""What a whole network needs at once, counted by hand."""

from igc_theory.networks import Network, Pool
from igc_theory.networks.description.layers import convolution


def test_a_pool_may_read_and_write_the_most() -> None:
    """The pool reads 4×8×8 and writes 4×4×4; the convolution behind it reads and writes 4×4×4."""
    net = Network("pooled", (4, 8, 8), (Pool("max", 2, 2), convolution(4, 4, 1)))
    assert net.peak_activations == 4 * 64 + 4 * 16
