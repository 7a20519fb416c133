"""Products of sparse factors: a chain with numbers in it, as a linear operator that never forms its matrix."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.sparse import csr_array

from igc_theory.kernels.arrays import Array, image_of, numbers
from igc_theory.kernels.convolution import kernel_tensor
from igc_theory.kernels.convolution_plan import ConvolutionPlan
from igc_theory.kernels.correlation import Padding, Pair, padded
from igc_theory.kernels.linear_maps import adjoint, forward, sparse_matrices
from igc_theory.kernels.products.files import read_product, write_product
from igc_theory.kernels.products.operators import CheckedOperator
from igc_theory.kernels.products.plan import Plan
from igc_theory.kernels.products.weights import checked_weights
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.paths import joint_groups

__all__ = ["Product"]

MOST_ENTRIES = 2**30
"""Entries of a dense matrix: 8 gigabytes in double precision."""


class Product(CheckedOperator):
    r"""A chain with weights: the matrix ``last @ … @ first`` of a product of structured sparse factors.

    .. math:: W = W_L P_{L-1} W_{L-1} ⋯ P_1 W_1 ∈ R^{C_{out} × C_{in} S}

    (IGCV2 [Xie2018], section 3). It is a SciPy `LinearOperator`: ``product @ x``, ``product.H @ y``,
    sums, products and scalings with other operators, and the iterative solvers of `scipy.sparse.linalg`, all at the price
    of the factors.

    A chain of pointwise convolutions acts on channels (S = 1). With a spatial convolution anywhere in the chain the
    operator acts on patches, and `S` is the area of the window that an output sees. Columns run over channels first, then
    `kh`, then `kw`, as in `kernel_matrix`: ``product @ patches(image, product.window, product.stride)`` is the
    convolution. Several spatial factors, and strides anywhere, compose as well: behind a stride `s` a window of `k`
    covers ``(k - 1)*s + 1`` positions.

    Parameters
    ----------
    chain : Chain
        The structure.
    weights : sequence of array_like
        One array for each convolution of the chain, in order, shape (out_channels, in_width, kh, kw); a pointwise one may
        be (out_channels, in_width). Finite; brought to their common type (float32, float64, complex64 or complex128) and
        copied.

    Attributes
    ----------
    chain : Chain
        The structure.
    weights : tuple of ndarray
        Read-only, each with four axes.
    window, stride : (int, int)
        What one output sees of the input, and the step from output to output.
    shape : (int, int)
        ``(C_out, C_in * S)``.

    Raises
    ------
    TypeError
        If `chain` is not a Chain or a weight is not an array of numbers.
    ValueError
        If weights are missing, of the wrong shape (both shapes are named), or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory import igcv1
    >>> from igc_theory.kernels import random_product
    >>> rng = np.random.default_rng(0)
    >>> product = random_product(igcv1(L=4, M=2), rng)
    >>> product
    Product(8x72, float64, 176 weights for 576: IGCV1 L=4 M=2)
    >>> x = rng.standard_normal(72)
    >>> np.allclose(product @ x, product.matrix() @ x)
    True
    >>> X = np.stack([x, x], axis=1)
    >>> product.dot(X).shape, product.matmat(X).shape, product.rmatmat(np.ones((8, 2))).shape
    ((8, 2), (8, 2), (72, 2))
    >>> product.matvec(x).shape, product.rmatvec(np.ones(8)).shape
    ((8,), (72,))
    >>> Product(igcv1(L=4, M=2), [np.ones((8, 2, 3, 3)), np.ones((8, 2))])
    Traceback (most recent call last):
    ...
    ValueError: weights[1] has shape (8, 2), but GroupConv(8, 8, groups=2) needs (8, 4, 1, 1) or (8, 4)
    """

    chain: Chain
    weights: tuple[Array, ...]
    window: Pair
    stride: Pair

    def __init__(self, chain: Chain, weights: Sequence[ArrayLike]) -> None:
        self.chain, self.weights = chain, checked_weights(chain, weights)
        self.window, self.stride = chain.window, chain.strides
        dtype = self.weights[0].dtype if self.weights else np.dtype(np.float64)
        shape = chain.out_channels, chain.in_channels * self.window[0] * self.window[1]
        super().__init__(dtype, shape)  # type: ignore[call-arg]  # the stubs know __new__ only

    def matrix(self) -> Array:
        """Return the dense matrix, shape ``(C_out, C_in * S)``.

        Examples
        --------
        >>> import numpy as np
        >>> from igc_theory import GroupConv, Chain, interleave
        >>> Product(Chain([GroupConv(4, 4, groups=4), interleave(2, 2)]), [[[1], [2], [3], [4]]]).matrix().astype(int)
        array([[1, 0, 0, 0],
               [0, 0, 3, 0],
               [0, 2, 0, 0],
               [0, 0, 0, 4]])
        """
        way_out = "apply the product to vectors: product @ x needs no matrix"
        positive_int("the entries of the product's matrix", prod(self.shape), maximum=MOST_ENTRIES, beyond=way_out)
        adjoint = self._rmatmat(np.eye(self.shape[0], dtype=self.dtype))
        return np.ascontiguousarray(adjoint.conj().T)

    def kernel(self) -> Array:
        """Return the one dense kernel that the product equals, shape ``(C_out, C_in, *window)``.

        ``convolve(image, product.kernel(), stride=product.stride)`` is ``product.convolve(image)``.

        Examples
        --------
        Two 3×3 factors see 5×5:

        >>> import numpy as np
        >>> from igc_theory import group, regular
        >>> from igc_theory.kernels import random_product
        >>> random_product(regular(4, 6) + group(6, 6, groups=2), np.random.default_rng(0)).kernel().shape
        (6, 4, 5, 5)
        """
        return kernel_tensor(self.matrix(), self.window)

    def merged(self) -> Product:
        """Return the product as one group convolution, of as many branches as its paths allow.

        This is how RepVGG [Ding2021] and MobileOne [Vasu2023] are used once they are trained: convolutions side by side, and
        shortcuts, become one. Batch-norms are folded into the weights before.

        Returns
        -------
        Product
            Of a chain of one `GroupConv`. Its `convolve` gives the same images up to rounding, at the borders too.

        Raises
        ------
        ValueError
            If the matrix has too many entries.

        Examples
        --------
        >>> import numpy as np
        >>> from igc_theory import GroupConv
        >>> from igc_theory.kernels import random_product
        >>> from igc_theory.structure import Sum
        >>> block = Sum([*[GroupConv(8, 8, groups=8, kernel_size=3)] * 4, GroupConv(8, 8, groups=8), []])
        >>> product = random_product(block, np.random.default_rng(0))
        >>> product.merged().chain
        Chain([GroupConv(8, 8, groups=8, kernel_size=3)])
        >>> image = np.random.default_rng(1).standard_normal((8, 5, 5))
        >>> np.allclose(product.merged().convolve(image), product.convolve(image))
        True
        """
        groups, (out_channels, in_channels) = (
            joint_groups(self.chain),
            (self.chain.out_channels, self.chain.in_channels),
        )
        conv = GroupConv(in_channels, out_channels, groups, self.window, self.stride)
        blocks = self.kernel().reshape(groups, conv.out_width, groups, conv.in_width, *self.window)
        diagonal = blocks[np.arange(groups), :, np.arange(groups)]
        return Product(Chain([conv], self.chain.name), [diagonal.reshape(out_channels, conv.in_width, *self.window)])

    def sparse_factors(self) -> list[csr_array[Any]]:
        """Return a sparse matrix for every factor of the chain, permutations included: ``last @ … @ first`` is the matrix.

        A `Sum` or a `DirectSum` is one factor. In front of a spatial factor they act on patches, with one block per position of the
        window.

        Examples
        --------
        >>> import numpy as np
        >>> from igc_theory import igcv1
        >>> from igc_theory.kernels import random_product
        >>> [factor.shape for factor in random_product(igcv1(L=4, M=2), np.random.default_rng(0)).sparse_factors()]
        [(8, 72), (8, 8), (8, 8), (8, 8)]
        """
        return sparse_matrices(self.chain, self.weights, self.window, self.dtype)[0]

    def convolve(self, image: ArrayLike, padding: Padding = "same") -> Array:
        """Return the convolution of an image with the product, factor by factor: the dense kernel is never formed.

        Zeros are put around the image once, for the window of the whole product. (A network that pads in front of each
        factor computes the same if the chain has one spatial factor, and other values near the border if it has several.)

        Parameters
        ----------
        image : array_like, shape (C_in, H, W)
            Real or complex numbers.
        padding : "same", "valid", int or (int, int), default "same"
            As in `convolve`.

        Returns
        -------
        ndarray, shape (C_out, H_out, W_out)

        Raises
        ------
        TypeError, ValueError
            If the image does not fit.

        Examples
        --------
        >>> import numpy as np
        >>> from igc_theory import igcv3
        >>> from igc_theory.kernels import random_product
        >>> random_product(igcv3(8, 12, stride=2), np.random.default_rng(0)).convolve(np.ones((8, 14, 14))).shape
        (12, 7, 7)
        """
        x = padded(image_of(image, self.chain.in_channels), self.window, padding)
        return forward(self.chain, self.weights, x[..., np.newaxis])[..., 0]

    def plan(self, batch: int = 1, dtype: DTypeLike | None = None, threads: int = 1) -> Plan:
        """Return a plan: the product made ready for operands of `batch` columns, to be applied many times.

        Parameters
        ----------
        batch : int, default 1
            Columns of an operand.
        dtype : data-type, optional
            Type of operand and result; the product's own by default.
        threads : int, default 1
            Threads that share the columns, or the branches of each factor if there are fewer columns than threads.

        Returns
        -------
        Plan
            To be called ``plan(x)`` or ``plan(x, out=y)``; with `out` nothing is allocated. Where the extra ``mkl`` is installed,
            branches are multiplied by Intel's MKL if that is faster here, which is measured once. Last digits may then
            differ from those of NumPy, and from one process to the next.

        Raises
        ------
        TypeError, ValueError
            If a number is below 1, or the type cannot hold the weights.

        Examples
        --------
        >>> import numpy as np
        >>> from igc_theory import igcv2
        >>> from igc_theory.kernels import random_product
        >>> product = random_product(igcv2([8, 8], kernel_size=1), np.random.default_rng(0))
        >>> product.plan(batch=4, dtype=np.float32, threads=1)(np.ones((64, 4))).dtype
        dtype('float32')
        """
        return Plan(self, batch, dtype, threads)

    def plan_convolution(
        self, image_shape: Sequence[int], dtype: DTypeLike | None = None, padding: Padding = "same"
    ) -> ConvolutionPlan:
        """Return a plan: the product made ready to convolve images of one shape, many times.

        Parameters
        ----------
        image_shape : (int, int, int)
            ``(C_in, H, W)``.
        dtype : data-type, optional
            Type of image and result; the product's own by default.
        padding : "same", "valid", int or (int, int), default "same"
            As in `convolve`.

        Returns
        -------
        ConvolutionPlan
            To be called ``plan(image)`` or ``plan(image, out=y)``; with `out` nothing of an image's size is allocated.

        Raises
        ------
        TypeError, ValueError
            If the shape does not fit the product, or the type cannot hold the weights.

        Examples
        --------
        >>> import numpy as np
        >>> from igc_theory import igcv1
        >>> from igc_theory.kernels import random_product
        >>> product = random_product(igcv1(L=4, M=2), np.random.default_rng(0))
        >>> plan = product.plan_convolution((8, 7, 7), np.float32)
        >>> image = np.ones((8, 7, 7), np.float32)
        >>> np.allclose(plan(image), product.convolve(image), atol=1e-5)
        True
        """
        return ConvolutionPlan(self, image_shape, dtype, padding)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the product to `path` as an ``.npz`` file, exactly; an existing file is replaced at once or not at all.

        Nothing is pickled, so that a file from a stranger can be loaded without harm.
        """
        write_product(path, self.chain, self.weights)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Product:
        """Return the product that `save` wrote, bit for bit.

        Raises
        ------
        ValueError
            If the file is damaged or is something else.

        Examples
        --------
        >>> import numpy as np, tempfile
        >>> from igc_theory import igcv1
        >>> from igc_theory.kernels import random_product
        >>> product = random_product(igcv1(L=4, M=2), np.random.default_rng(0))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     product.save(f"{folder}/product.npz")
        ...     again = Product.load(f"{folder}/product.npz")
        >>> again.chain == product.chain and all(map(np.array_equal, again.weights, product.weights))
        True
        """
        return cls(*read_product(path))

    def __reduce__(self) -> tuple[Any, ...]:
        return Product, (self.chain, self.weights)

    def _matmat(self, X: Array) -> Array:
        patches = numbers("x", X).reshape(self.chain.in_channels, *self.window, X.shape[1])
        return forward(self.chain, self.weights, patches).reshape(self.shape[0], X.shape[1])

    def _rmatvec(self, x: Array) -> Array:  # SciPy derives it from `_rmatmat` in newer versions only
        return self._rmatmat(x.reshape(-1, 1))[:, 0]

    def _rmatmat(self, X: Array) -> Array:
        y = numbers("x", X).reshape(self.shape[0], 1, 1, X.shape[1])
        return adjoint(self.chain, self.weights, y).reshape(self.shape[1], X.shape[1])

    def __repr__(self) -> str:
        return f"Product({self._title()})"

    def __str__(self) -> str:
        return f"{self!r}\n{self.chain}"

    def _repr_html_(self) -> str:
        return f"<p>Product, {self._title()}</p>{self.chain._repr_html_()}"

    def _title(self) -> str:
        rows, columns = self.shape
        name = f": {self.chain.name}" if self.chain.name else ""
        return f"{rows}x{columns}, {self.dtype}, {self.chain.parameters:,} weights for {rows * columns:,}{name}"
