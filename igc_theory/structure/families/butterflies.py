"""Butterflies: factors that connect channels whose numbers differ in one digit."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from igc_theory.structure.arguments.kinds import shown
from igc_theory.structure.arguments.numbers import exact_power_of_two, positive_int
from igc_theory.structure.arguments.sequences import listed
from igc_theory.structure.blocks import igcv2
from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation, interleave

__all__ = ["block_butterfly", "butterfly", "deformable_butterfly", "kaleidoscope"]

Window = int | tuple[int, int]

MOST_REPEATS = 1024
"""Pairs of butterflies in one kaleidoscope matrix."""

MOST_GATHERED = 2**20
"""Channels of a factor whose order is listed."""


def butterfly(channels: int, kernel_size: Window = 1, stride: Window = 1) -> Chain:
    r"""Return a butterfly matrix: ``log2(C)`` factors, the l-th of which connects channels that differ in bit l only.

    By its recursive definition, ``B(C)`` is the butterfly factor ``[[D1, D2], [D3, D4]]`` of four diagonal matrices times two
    matrices ``B(C/2)`` on the diagonal ([Dao2020], definitions 2.1 to 2.3). It is IGCV2 with branches of two: strict, one path
    per pair, and ``2*C*log2(C)`` weights. The Hadamard matrix is one; the Fourier matrix is one behind a bit reversal of its
    inputs ([Dao2019]; [CooleyTukey1965]).

    Parameters
    ----------
    channels : int
        `C`, a power of two and at least 2.
    kernel_size, stride : int or (int, int), default 1
        Window and stride of the first factor; the others are pointwise.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If `channels` is not a power of two.

    Examples
    --------
    >>> from igc_theory.structure import grade
    >>> len(butterfly(1024).convolutions), butterfly(1024).parameters == 2 * 1024 * 10
    (10, True)
    >>> print(grade(butterfly(1024)))
    strict: every input reaches every output by exactly one path
    """
    bits = exact_power_of_two("channels", channels)
    return Chain(igcv2([2] * bits, kernel_size, stride).factors, name=f"butterfly 2^{bits}")


def kaleidoscope(channels: int, repeats: int = 1, kernel_size: Window = 1, stride: Window = 1) -> Chain:
    r"""Return a kaleidoscope matrix ``(B B*)^w``: a transposed butterfly, then a butterfly, `w` times ([Dao2020], definition 2.4).

    There are ``2*w*log2(C)`` factors and ``4*w*C*log2(C)`` weights. Every pair has ``C**(2*w - 1)`` paths, so it is loose, and
    `repeats` is the width `w` of the paper. Its expansion is left out.

    Parameters
    ----------
    channels : int
        `C`, a power of two and at least 2.
    repeats : int, default 1
        `w`, pairs of butterflies.
    kernel_size, stride : int or (int, int), default 1
        Window and stride of the first factor; the others are pointwise.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If `channels` is not a power of two, or `repeats` not a positive integer.

    Examples
    --------
    >>> from igc_theory.structure import grade
    >>> kaleidoscope(16).parameters == 2 * butterfly(16).parameters
    True
    >>> print(grade(kaleidoscope(16)))
    loose, p = 16: every input reaches every output by 16 paths
    """
    bits = exact_power_of_two("channels", channels)
    repeats = positive_int("repeats", repeats, maximum=MOST_REPEATS)
    forth = butterfly(channels).factors
    # The factors of a butterfly are square, so turning it round is turning round its permutations.
    back = [factor.inverse() if isinstance(factor, ChannelPermutation) else factor for factor in reversed(forth)]
    factors = [*back, *forth] * repeats
    first = next(k for k, factor in enumerate(factors) if isinstance(factor, GroupConv))
    factors[first] = GroupConv(2**bits, 2**bits, 2 ** (bits - 1), kernel_size, stride)
    return Chain(factors, name=f"kaleidoscope 2^{bits}" + (f" w={repeats}" if repeats > 1 else ""))


def block_butterfly(
    channels: int, block_size: int, factors: int | None = None, kernel_size: Window = 1, stride: Window = 1
) -> Chain:
    r"""Return a block butterfly: a butterfly whose entries are blocks, so that each factor has dense branches of `b` channels.

    It is the matrix of BOFT(m, b) ([Liu2024], section 4) without its orthogonality. Bundles of ``b/2`` channels take the place of
    channels, and factor l connects bundles that differ in bit l only. The first of them is a block-diagonal matrix. There are
    ``m*C*b`` weights. With all ``m = log2(2*C/b)`` factors it is loose, with ``(b/2)**(m - 1)`` paths per pair; for b = 2 it is
    a butterfly. With fewer it is not dense.

    Parameters
    ----------
    channels : int
        `C`, the block size times a power of two.
    block_size : int
        `b`, channels per branch, even.
    factors : int, optional
        `m`, at most ``log2(2*C/b)``, which is the default.
    kernel_size, stride : int or (int, int), default 1
        Window and stride of the first factor; the others are pointwise.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If `block_size` is odd, `channels` is not `block_size` times a power of two, or there are too many factors.

    Examples
    --------
    >>> from igc_theory.structure import grade
    >>> chain = block_butterfly(32, block_size=8)
    >>> len(chain.convolutions), chain.parameters == 3 * 32 * 8
    (3, True)
    >>> print(grade(chain))
    loose, p = 16: every input reaches every output by 16 paths
    """
    channels, block_size = _listable("channels", channels), positive_int("block_size", block_size, minimum=2)
    if block_size % 2:
        raise ValueError(f"block_size={block_size} is odd: use {block_size + 1}, two bundles of channels")
    if channels % (block_size // 2):
        raise ValueError(f"block_size={block_size} does not fit channels={channels}: use a power of 2 times block_size")
    bundle = block_size // 2
    bits = exact_power_of_two("2*channels/block_size", channels // bundle)
    count = bits if factors is None else positive_int("factors", factors)
    if count > bits:
        raise ValueError(f"factors={count} is above log2(2*channels/block_size)={bits}: use at most {bits}")
    made: list[Factor] = []
    for bit in range(count):
        order = _brought_together((channels // (bundle * 2 ** (bit + 1)), 2, 2**bit, bundle), (0, 2, 1, 3))
        window = (kernel_size, stride) if bit == 0 else (1, 1)
        made += [order, GroupConv(channels, channels, channels // block_size, *window), order.inverse()]
    return Chain(_merged(made), name=f"block butterfly b={block_size} m={count}")


def deformable_butterfly(
    in_channels: int, patterns: Sequence[tuple[int, int, int]], kernel_size: Window = 1, stride: Window = 1
) -> Chain:
    r"""Return a deformable butterfly (DeBut): factors of any widths, each block-diagonal with blocks of diagonal matrices.

    Factor (r, s, t) has diagonal blocks that are r × s arrays of t × t diagonal matrices ([Lin2021], as in the authors' code).
    Its support is ``kron(eye(a), ones(r, s), eye(t))``, the Kronecker-sparse factor of [Le2024]. It reads ``a*s*t`` channels,
    writes ``a*r*t``, and has ``a*r*s*t`` weights; `a` follows from the channels. The chain is strict where ``t_1 = 1``, each
    further `t` is the product of all `r` before it, and all `s` multiply to `C`. So are a butterfly, ``(2, 2, 1), (2, 2, 2),
    (2, 2, 4), …``, and a square Monarch matrix, ``(m, m, 1), (m, m, m)``.

    Parameters
    ----------
    in_channels : int
        Channels that the first factor reads.
    patterns : sequence of (int, int, int)
        ``(r, s, t)`` of each factor, in order of application; ``s*t`` divides the channels that the factor reads.
    kernel_size, stride : int or (int, int), default 1
        Window and stride of the first factor; the others are pointwise.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If a pattern is not three positive integers, or does not divide the channels that it reads.

    Examples
    --------
    From 72 channels to 16, each `t` being the product of the `r` before it:

    >>> from igc_theory.structure import grade
    >>> chain = deformable_butterfly(72, [(2, 3, 1), (1, 3, 2), (2, 2, 2), (4, 4, 4)])
    >>> [conv.in_channels for conv in chain.convolutions], chain.out_channels
    ([72, 48, 16, 16], 16)
    >>> print(grade(chain))
    strict: every input reaches every output by exactly one path
    """
    channels, made = _listable("in_channels", in_channels), list[Factor]()
    checked = _patterns_of("patterns", patterns)
    for l, (rows, columns, diagonal) in enumerate(checked):
        if channels % (columns * diagonal):
            read = f"in_channels={channels}" if l == 0 else f"its {channels} channels behind in_channels={in_channels}"
            raise ValueError(
                f"patterns[{l}]={(rows, columns, diagonal)} does not divide {read}: "
                f"use s and t whose product divides {channels}"
            )
        blocks = channels // (columns * diagonal)
        written = _listable(f"the channels written by patterns[{l}]", blocks * rows * diagonal)
        window = (kernel_size, stride) if l == 0 else (1, 1)
        gather = _brought_together((blocks, columns, diagonal), (0, 2, 1))
        scatter = _brought_together((blocks, diagonal, rows), (0, 2, 1))
        made += [gather, GroupConv(channels, written, blocks * diagonal, *window), scatter]
        channels = written
    return Chain(_merged(made), name=f"deformable butterfly of {len(checked)} factors")


def _patterns_of(name: str, value: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Return the triples (r, s, t), checked."""
    way_out = "give (r, s, t) of each factor, such as [(2, 2, 1), (2, 2, 2)]"
    found = []
    for l, entry in enumerate(listed(name, value, way_out)):
        sizes = listed(f"{name}[{l}]", entry, way_out)
        if len(sizes) != 3:
            raise ValueError(f"{name}[{l}]={shown(entry)} has {len(sizes)} entries, not 3: {way_out}")
        rows, columns, diagonal = (positive_int(f"{name}[{l}][{k}]", size) for k, size in enumerate(sizes))
        found.append((rows, columns, diagonal))
    return found


def _listable(name: str, channels: int) -> int:
    return positive_int(name, channels, maximum=MOST_GATHERED)


def _brought_together(shape: tuple[int, ...], axes: tuple[int, ...]) -> ChannelPermutation:
    """Return the permutation that reads channels as an array of a shape and writes its axes in another order."""
    moved = [axis for axis in axes if shape[axis] > 1]
    if moved == sorted(moved):
        return interleave(1, prod(shape))
    return ChannelPermutation(np.arange(prod(shape)).reshape(shape).transpose(axes).ravel())


def _merged(factors: Sequence[Factor]) -> list[Factor]:
    """Return the factors with neighbouring permutations made one, and those that change nothing left out."""
    merged: list[Factor] = []
    for factor in factors:
        before = merged[-1] if merged else None
        if isinstance(factor, ChannelPermutation) and isinstance(before, ChannelPermutation):
            merged[-1] = ChannelPermutation(before.indices[factor.indices])
        else:
            merged.append(factor)
    return [factor for factor in merged if factor != interleave(1, factor.out_channels)]
