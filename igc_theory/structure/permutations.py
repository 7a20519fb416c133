"""Channel permutations: the channel shuffles that carry information from branch to branch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import array_of

__all__ = ["ChannelPermutation", "interleave"]

MOST_INDICES = 2**27
"""Channels whose index list is made: a gigabyte."""

HASHED = 64
"""Entries of an index list that a hash looks at, at most."""


class ChannelPermutation:
    """A permutation of channels in gather convention: ``y = x[indices]``, that is ``P @ x == x[indices]``.

    Parameters
    ----------
    indices : sequence of int, shape (channels,)
        Output channel `k` is input channel ``indices[k]``; each of ``0 … channels - 1`` once. The input is copied.

    Raises
    ------
    TypeError
        If the entries are not integers.
    ValueError
        If the list is empty, not one-dimensional, or not a permutation (the message says which entry).

    Examples
    --------
    >>> import numpy as np
    >>> p = ChannelPermutation([2, 0, 1])
    >>> p(np.array([10, 20, 30]))
    array([30, 10, 20])
    >>> p.inverse()(p(np.array([10, 20, 30])))
    array([10, 20, 30])
    >>> ChannelPermutation([0, 2, 2])
    Traceback (most recent call last):
    ...
    ValueError: indices[2]=2 repeats indices[1]: each of 0 … 2 must occur once, and 1 is missing
    """

    __slots__ = ("_channels", "_indices", "_interleaved")

    _channels: int
    _indices: NDArray[np.int64] | None
    _interleaved: tuple[int, int] | None

    def __init__(self, indices: ArrayLike) -> None:
        self._indices = _checked_indices(indices)
        self._channels = self._indices.size
        self._interleaved = None

    @property
    def indices(self) -> NDArray[np.int64]:
        """Input channel of each output channel, shape (channels,), read-only."""
        if self._indices is None:
            assert self._interleaved is not None
            way_out = "use a view of the array: x.reshape(groups, width, …).swapaxes(0, 1)"
            positive_int("channels", self._channels, maximum=MOST_INDICES, beyond=way_out)
            self._indices = _frozen(np.arange(self._channels).reshape(self._interleaved).T.ravel())
        return self._indices

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self._channels

    @property
    def in_channels(self) -> int:
        """Number of channels read: the same, named as for a convolution."""
        return self._channels

    @property
    def out_channels(self) -> int:
        """Number of channels written: the same, named as for a convolution."""
        return self._channels

    @property
    def convolutions(self) -> tuple[()]:
        """None: what a chain of this one factor has."""
        return ()

    @property
    def window(self) -> tuple[int, int]:
        """(1, 1): what a position sees of the input."""
        return 1, 1

    @property
    def strides(self) -> tuple[int, int]:
        """(1, 1): every position is kept."""
        return 1, 1

    @property
    def interleaved(self) -> tuple[int, int] | None:
        """The (groups, width) of :func:`interleave`, if it was made that way; then the map is a reshape and a transpose."""
        return self._interleaved

    def inverse(self) -> ChannelPermutation:
        """Return the permutation that undoes this one; that of ``interleave(L, M)`` is ``interleave(M, L)``.

        Examples
        --------
        >>> interleave(2, 3).inverse()
        interleave(groups=3, width=2)
        """
        if self.interleaved is not None:
            groups, width = self.interleaved
            return interleave(width, groups)
        return ChannelPermutation(np.argsort(self.indices))

    def __call__(self, x: ArrayLike, axis: int = 0) -> NDArray[Any]:
        """Return `x` with its channels, along `axis`, in the new order; a copy."""
        array, axis = array_of("x", x), positive_int("axis", axis, minimum=-64)
        if not -array.ndim <= axis < array.ndim or array.shape[axis] != self.channels:
            raise ValueError(
                f"x of shape {array.shape} does not have {self.channels} channels along axis {axis}: "
                f"give an array whose axis {axis} has length {self.channels}"
            )
        return np.take(array, self.indices, axis=axis)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ChannelPermutation):
            return NotImplemented
        if self.interleaved is not None and other.interleaved is not None:
            # Channel 1 comes from channel `width`, or stays where the interleaving changes nothing: no index list is needed.
            nothing = self.channels == other.channels and 1 in self.interleaved and 1 in other.interleaved
            return nothing or self.interleaved == other.interleaved
        return self.channels == other.channels and bool(np.array_equal(self.indices, other.indices))

    def __hash__(self) -> int:
        # A sample tells most permutations apart, and those made by `interleave` need no index list for it.
        step = -(-self.channels // HASHED)
        if self.interleaved is None:
            return hash((self.channels, *self.indices[::step].tolist()))
        groups, width = self.interleaved
        return hash((self.channels, *(k % groups * width + k // groups for k in range(0, self.channels, step))))

    def __reduce__(self) -> tuple[Any, ...]:
        if self.interleaved is not None:
            return interleave, self.interleaved
        return ChannelPermutation, (self.indices,)

    def __repr__(self) -> str:
        if self.interleaved is not None:
            return "interleave(groups={}, width={})".format(*self.interleaved)
        shown = ", ".join(map(str, self.indices[:8])) + (", …" if self.channels > 8 else "")
        return f"ChannelPermutation([{shown}])"


def interleave(groups: int, width: int) -> ChannelPermutation:
    """Return the channel shuffle: `groups` partitions of `width` channels are read, `width` partitions of `groups` written.

    Output channel ``m*groups + l`` is input channel ``l*width + m``: every output partition takes one
    channel from every input partition (IGCV1 [Zhang2017], section 3; the channel shuffle of
    ShuffleNet [Zhang2018]). As a map on an array it is reshape, transpose, reshape.

    Parameters
    ----------
    groups, width : int
        `L` partitions of `M` channels, each at least 1.

    Returns
    -------
    ChannelPermutation
        Of ``groups * width`` channels. It remembers `groups` and `width`; its index list is made on first use, so that a
        million channels take no memory until then.

    Raises
    ------
    TypeError, ValueError
        If a size is not an integer of at least 1.

    Examples
    --------
    >>> interleave(2, 3).indices.tolist()
    [0, 3, 1, 4, 2, 5]
    >>> interleave(2, 3).inverse() == interleave(3, 2)
    True
    """
    permutation = ChannelPermutation.__new__(ChannelPermutation)
    permutation._indices = None
    permutation._interleaved = positive_int("groups", groups), positive_int("width", width)
    permutation._channels = positive_int("groups*width", permutation._interleaved[0] * permutation._interleaved[1])
    return permutation


def _checked_indices(indices: ArrayLike) -> NDArray[np.int64]:
    """Return `indices` as a read-only array after checking that it is a permutation."""
    array = array_of("indices", indices)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"indices has shape {array.shape}, not (channels,) with at least one channel: give a flat list of 0 … channels-1"
        )
    if array.dtype.kind not in "iu":
        raise TypeError(f"indices has dtype {array.dtype}, not integers: give each of 0 … {array.size - 1} once")
    outside = np.flatnonzero((array < 0) | (array >= array.size))
    if outside.size:
        k = outside[0]
        raise ValueError(f"indices[{k}]={array[k]} is outside 0 … {array.size - 1}: each of these must occur once")
    counts = np.bincount(array, minlength=array.size)
    if counts.max() > 1:
        first, second = np.flatnonzero(array == np.argmax(counts > 1))[:2]
        raise ValueError(
            f"indices[{second}]={array[second]} repeats indices[{first}]: "
            f"each of 0 … {array.size - 1} must occur once, and {np.argmin(counts)} is missing"
        )
    return _frozen(array.astype(np.int64))


def _frozen(array: NDArray[np.int64]) -> NDArray[np.int64]:
    array.setflags(write=False)
    return array
