"""The named blocks of the papers, as chains."""

from __future__ import annotations

from igc_theory.structure.arguments import positive_int
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import interleave

__all__ = ["depthwise_separable", "group", "igcv3", "inverted_residual", "regular", "shufflenet_unit", "xception"]

Window = int | tuple[int, int]


def regular(in_channels: int, out_channels: int, kernel_size: Window = 3) -> Chain:
    """Return a regular convolution: one dense factor, ``in_channels * out_channels * S`` weights.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    kernel_size : int or (int, int), default 3
        Window of the spatial convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> regular(6, 6, kernel_size=5).parameters
    900
    """
    return Chain([GroupConv(in_channels, out_channels, kernel_size=kernel_size)], name="regular")


def group(in_channels: int, out_channels: int, groups: int, kernel_size: Window = 3) -> Chain:
    """Return one group convolution: a single block-diagonal factor. Alone it is never dense unless ``groups == 1``.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    groups : int
        Branches, a divisor of both.
    kernel_size : int or (int, int), default 3
        Window of the spatial convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or `groups` does not divide the channels.

    Examples
    --------
    >>> group(6, 6, groups=2, kernel_size=5).parameters
    450
    """
    return Chain([GroupConv(in_channels, out_channels, groups, kernel_size)], name=f"group G={groups}")


def depthwise_separable(in_channels: int, out_channels: int, kernel_size: Window = 3) -> Chain:
    """Return a channel-wise spatial convolution, then a dense pointwise one (MobileNetV1, arXiv 1704.04861).

    It is IGCV1 with M = 1: ``C*S + C*C_out`` weights.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    kernel_size : int or (int, int), default 3
        Window of the spatial convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> depthwise_separable(64, 128).parameters == 64 * 9 + 64 * 128
    True
    """
    depthwise = GroupConv(in_channels, in_channels, in_channels, kernel_size)
    return Chain([depthwise, GroupConv(in_channels, out_channels)], name="depthwise separable")


def xception(in_channels: int, out_channels: int, kernel_size: Window = 3) -> Chain:
    """Return a dense pointwise convolution, then a channel-wise spatial one: the reverse of `depthwise_separable`.

    This is the "extreme Inception" order of Xception (arXiv 1610.02357, figure 4).

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    kernel_size : int or (int, int), default 3
        Window of the spatial convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> [conv.kind for conv in xception(8, 16).convolutions]
    ['pointwise', 'depthwise']
    """
    depthwise = GroupConv(out_channels, out_channels, out_channels, kernel_size)
    return Chain([GroupConv(in_channels, out_channels), depthwise], name="Xception order")


def igcv3(
    in_channels: int,
    out_channels: int,
    expansion: int = 6,
    groups: tuple[int, int] = (2, 2),
    kernel_size: Window = 3,
    stride: Window = 1,
) -> Chain:
    r"""Return the IGCV3 block: grouped pointwise expansion, permutation, channel-wise, grouped pointwise reduction, permutation.

    .. math:: tC·C/G_1 + S·tC + tC·C_{out}/G_2

    weights and `tC/(G_1 G_2)` paths a pair (IGCV3, arXiv 1806.00178, section 3). The identity shortcut, taken when shapes agree,
    is the network's business.

    Parameters
    ----------
    in_channels, out_channels : int
        `C` and `C_out`.
    expansion : int, default 6
        `t`: the middle has ``expansion * in_channels`` channels.
    groups : (int, int), default (2, 2)
        `G_1` and `G_2`, branches of the two pointwise convolutions.
    kernel_size, stride : int or (int, int), default 3 and 1
        Of the channel-wise convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or the branches do not divide the channels.

    Examples
    --------
    >>> from igc_theory.structure import grade
    >>> igcv3(24, 24).parameters == 144 * 24 // 2 + 9 * 144 + 144 * 24 // 2
    True
    >>> print(grade(igcv3(24, 24)))
    loose, p = 36: every input reaches every output by 36 paths
    """
    in_channels, (first, second) = positive_int("in_channels", in_channels), _pair_of_groups(groups)
    middle = positive_int("expansion", expansion) * in_channels
    expand = GroupConv(in_channels, middle, first)
    depthwise = GroupConv(middle, middle, middle, kernel_size, stride)
    reduce = GroupConv(middle, out_channels, second)
    shuffles = interleave(first, expand.out_width), interleave(second, reduce.out_width)
    return Chain([expand, shuffles[0], depthwise, reduce, shuffles[1]], name=f"IGCV3 t={expansion} G={first},{second}")


def inverted_residual(
    in_channels: int, out_channels: int, expansion: int = 6, kernel_size: Window = 3, stride: Window = 1
) -> Chain:
    """Return the MobileNetV2 block (arXiv 1801.04381): the convolutions of `igcv3` with one branch each and no permutations.

    Parameters
    ----------
    in_channels, out_channels, expansion, kernel_size, stride :
        As in `igcv3`.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> inverted_residual(24, 24).parameters == 2 * 144 * 24 + 9 * 144
    True
    """
    block = igcv3(in_channels, out_channels, expansion, (1, 1), kernel_size, stride)
    return Chain(block.convolutions, name=f"inverted residual t={expansion}")


def shufflenet_unit(
    channels: int, groups: int, bottleneck: int = 4, kernel_size: Window = 3, stride: Window = 1
) -> Chain:
    """Return the ShuffleNet unit: grouped pointwise, channel shuffle, channel-wise, grouped pointwise.

    The first convolution writes ``channels/bottleneck`` channels, the last widens them again (ShuffleNet, arXiv 1707.01083,
    figure 2; the shortcut is left to the network).

    Parameters
    ----------
    channels, groups : int
        Channels read and written, and branches of both pointwise convolutions.
    bottleneck : int, default 4
        How many times fewer channels the channel-wise convolution has.
    kernel_size : int or (int, int), default 3
        Window of the spatial convolution.
    stride : int or (int, int), default 1
        Of the channel-wise convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or a division leaves a rest.

    Examples
    --------
    >>> shufflenet_unit(240, groups=3).parameters
    10140
    """
    channels, bottleneck = positive_int("channels", channels), positive_int("bottleneck", bottleneck)
    groups = positive_int("groups", groups)
    if channels % (bottleneck * groups):
        raise ValueError(
            f"channels={channels} is not a multiple of bottleneck*groups={bottleneck}*{groups}={bottleneck * groups}: "
            f"use {-(-channels // (bottleneck * groups)) * bottleneck * groups} channels"
        )
    middle = channels // bottleneck
    squeeze, widen = GroupConv(channels, middle, groups), GroupConv(middle, channels, groups)
    depthwise = GroupConv(middle, middle, middle, kernel_size, stride)
    return Chain([squeeze, interleave(groups, squeeze.out_width), depthwise, widen], name=f"ShuffleNet unit G={groups}")


def _pair_of_groups(groups: tuple[int, int]) -> tuple[int, int]:
    if not isinstance(groups, (tuple, list)) or len(groups) != 2:
        raise ValueError(
            f"groups={groups!r} is not a pair: give (G1, G2), the branches of the two pointwise convolutions"
        )
    return positive_int("groups[0]", groups[0]), positive_int("groups[1]", groups[1])
