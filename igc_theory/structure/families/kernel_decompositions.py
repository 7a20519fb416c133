"""Decompositions of a convolution kernel: sums of outer products over channels, rows and columns of the window."""

from __future__ import annotations

from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import two_of, window_of
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

__all__ = ["canonical_polyadic", "network_decoupling", "spatially_separable", "tucker_2"]

Window = int | tuple[int, int]


def network_decoupling(
    in_channels: int, out_channels: int, depth_multiplier: int = 1, kernel_size: Window = 3, stride: Window = 1
) -> Chain:
    r"""Return a sum of `k` depthwise separable convolutions: a depthwise factor with k outputs per channel, then a dense one.

    The kernel of one input channel is a matrix of shape (C_out, S), and it may be any of rank k. With ``k = min(S, C_out)`` that
    is every kernel: depthwise separable convolutions are the principal components of a regular one ([Guo2018], abstract).
    There are k paths per pair, loose with p = k, and ``k*C*(S + C_out)`` weights.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    depth_multiplier : int, default 1
        `k`, channels that the depthwise factor writes for each that it reads.
    kernel_size, stride : int or (int, int), default 3 and 1
        Window and stride of the depthwise factor.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> from igc_theory.structure import depthwise_separable, grade
    >>> network_decoupling(64, 128) == depthwise_separable(64, 128)
    True
    >>> print(grade(network_decoupling(64, 128, depth_multiplier=2)))
    loose, p = 2: every input reaches every output by 2 paths
    """
    in_channels, k = positive_int("in_channels", in_channels), positive_int("depth_multiplier", depth_multiplier)
    middle = positive_int("depth_multiplier*in_channels", k * in_channels)
    depthwise = GroupConv(in_channels, middle, in_channels, kernel_size, stride)
    return Chain([depthwise, GroupConv(middle, out_channels)], name=f"network decoupling k={k}")


def tucker_2(
    in_channels: int, out_channels: int, ranks: tuple[int, int], kernel_size: Window = 3, stride: Window = 1
) -> Chain:
    r"""Return a Tucker-2 convolution: pointwise to `r_1` channels, a spatial convolution to `r_2`, pointwise to the outputs.

    The kernel is ``K[o, i, h, w] = sum over b, a of U[o, b] * core[b, a, h, w] * V[a, i]``: a Tucker decomposition of its two
    channel axes, the window left whole ([Kim2016], abstract; [Kolda2009]). There are ``r_1*r_2`` paths per pair, all dense, and
    ``C*r_1 + S*r_1*r_2 + r_2*C_out`` weights.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    ranks : (int, int)
        `r_1` and `r_2`, channels that the spatial convolution reads and writes.
    kernel_size, stride : int or (int, int), default 3 and 1
        Window and stride of the spatial convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> from igc_theory.structure import grade
    >>> chain = tucker_2(64, 128, ranks=(16, 32))
    >>> chain.parameters == 64 * 16 + 9 * 16 * 32 + 32 * 128
    True
    >>> grade(chain).min_paths
    512
    """
    first, second = two_of("ranks", ranks, "give (r_1, r_2), the channels read and written by the spatial convolution")
    first, second = positive_int("ranks[0]", first), positive_int("ranks[1]", second)
    core = GroupConv(first, second, 1, kernel_size, stride)
    factors = [GroupConv(in_channels, first), core, GroupConv(second, out_channels)]
    return Chain(factors, name=f"Tucker-2 r={first},{second}")


def canonical_polyadic(
    in_channels: int, out_channels: int, rank: int, kernel_size: Window = 3, stride: Window = 1
) -> Chain:
    r"""Return a canonical polyadic convolution: pointwise, depthwise along columns, depthwise along rows, pointwise.

    The kernel is a sum of `R` outer products of four vectors, ``K[o, i, h, w] = sum over r of U[o, r] * y[r, h] * x[r, w] * V[r,
    i]``. It is what replaces a layer by four small ones in [Lebedev2015] (abstract); [Kolda2009] reviews the decomposition.
    There are R paths per pair, loose with p = R, and ``R*(C + k_h + k_w + C_out)`` weights.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    rank : int
        `R`, channels in between.
    kernel_size, stride : int or (int, int), default 3 and 1
        Window and stride; the height belongs to the first depthwise factor, the width to the second.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> from igc_theory.structure import grade
    >>> chain = canonical_polyadic(64, 128, rank=32)
    >>> [conv.window for conv in chain.convolutions], chain.parameters == 32 * (64 + 3 + 3 + 128)
    ([(1, 1), (3, 1), (1, 3), (1, 1)], True)
    >>> print(grade(chain))
    loose, p = 32: every input reaches every output by 32 paths
    """
    rank = positive_int("rank", rank)
    depthwise = [GroupConv(rank, rank, rank, *axis) for axis in _by_axis(kernel_size, stride)]
    factors = [GroupConv(in_channels, rank), *depthwise, GroupConv(rank, out_channels)]
    return Chain(factors, name=f"canonical polyadic R={rank}")


def spatially_separable(
    in_channels: int, out_channels: int, middle: int, kernel_size: Window = 3, stride: Window = 1
) -> Chain:
    r"""Return a spatially separable convolution: along columns to `middle` channels, then along rows to the outputs.

    The kernel is ``K[o, i, h, w] = sum over m of X[o, m, w] * Y[m, i, h]``: with the outputs and the columns of the window as rows,
    and the inputs and its rows as columns, a matrix of rank `middle`. Filters from a basis of rank one in space speed up a
    network in [Jaderberg2014] (abstract). There are `middle` paths per pair, all dense, and ``middle*(C*k_h + C_out*k_w)`` weights.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    middle : int
        Channels between the two.
    kernel_size, stride : int or (int, int), default 3 and 1
        Window and stride; the height belongs to the first factor, the width to the second.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> chain = spatially_separable(64, 128, middle=64)
    >>> [conv.window for conv in chain.convolutions], chain.parameters == 64 * (64 * 3 + 128 * 3)
    ([(3, 1), (1, 3)], True)
    >>> chain.window
    (3, 3)
    """
    middle, (columns, rows) = positive_int("middle", middle), _by_axis(kernel_size, stride)
    factors = [GroupConv(in_channels, middle, 1, *columns), GroupConv(middle, out_channels, 1, *rows)]
    return Chain(factors, name=f"spatially separable {middle}")


def _by_axis(kernel_size: Window, stride: Window) -> tuple[tuple[tuple[int, int], tuple[int, int]], ...]:
    """Return window and stride along columns, and those along rows.

    Examples
    --------
    >>> _by_axis((3, 5), 2)
    (((3, 1), (2, 1)), ((1, 5), (1, 2)))
    """
    (height, width), (down, across) = window_of("kernel_size", kernel_size), window_of("stride", stride)
    return ((height, 1), (down, 1)), ((1, width), (1, across))
