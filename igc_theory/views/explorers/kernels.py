"""The kernel explorer: how near a product of sparse factors comes to a kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import dft, hadamard

from igc_theory.budget.designs.design import Design
from igc_theory.kernels.arrays import finite, numbers
from igc_theory.kernels.products.product import Product
from igc_theory.kernels.projection.project import Projection, project
from igc_theory.kernels.projection.spectra import block_spectra
from igc_theory.structure.arguments.kinds import text as text_of
from igc_theory.structure.chains import Chain
from igc_theory.views.explorers.answers import Answer, counted, panels
from igc_theory.views.explorers.panel import choice, panel, slider, text_line
from igc_theory.views.plots.kernels.spectra import kernel_columns, plot_block_spectra, plot_kernel

__all__ = ["example_kernel", "explore_kernel", "kernel_answer", "with_noise"]

_CHANNELS = (8, 16, 32, 64, 128, 256, 512, 1024)
_MOST_ENTRIES = 2**20
_ROUNDING = 1e-12
_MOST_PIXELS = 192
"""Side of the pictures of kernels, in entries; what has more is finer than the screen and takes long."""


def kernel_answer(kernel: ArrayLike, chain: Chain) -> Answer:
    """Return the product of a chain that `project` finds for a kernel, with its error and a lower bound.

    Parameters
    ----------
    kernel : array_like, shape (C_out, C_in, kh, kw) or (C_out, C_in)
        Finite numbers, real or complex.
    chain : Chain
        Two convolutions or more, onto which `project` knows how to project.

    Returns
    -------
    Answer
        The blocks are those of the split behind the first convolution (`block_spectra`).

    Raises
    ------
    TypeError, ValueError
        As in `project` and `block_spectra`.

    Examples
    --------
    >>> from igc_theory.structure import igcv2
    >>> from scipy.linalg import hadamard
    >>> kernel_answer(hadamard(16), igcv2([4, 4], kernel_size=1))
    The kernel is a product of this chain, to rounding (closed form, the nearest product).
      weights of the product  128
      entries of the kernel   256
      relative error          0
      no product is below     0
      blocks                  16
      their rank, at most     1
    """
    projection, spectra = project(kernel, chain), block_spectra(kernel, chain)
    error, bound = _rounded(projection.relative_error), projection.lower_bound
    blocks = int(spectra["block"].max()) + 1
    facts = {
        "weights of the product": chain.parameters,
        "entries of the kernel": int(np.size(kernel)),
        "relative error": error,
        "no product is below": "not known" if bound is None else _rounded(bound),
        "blocks": blocks,
        "their rank, at most": int(spectra["rank"].max()),
    }
    product = (
        f"The product found has relative error {error:.4g}"
        if error
        else "The kernel is a product of this chain, to rounding"
    )
    sentence = f"{product} ({projection.method})."
    alt = f"The kernel, its product, and the singular values of its {counted(blocks, 'block')}."
    array = np.asarray(kernel)
    rows, columns = _corner(array)
    note = f"Of {array.shape[0]} × {array.shape[1]} channels the first {rows} × {columns} are drawn."
    whole = (rows, columns) == array.shape[:2]
    return Answer(
        sentence,
        facts,
        lambda figure: _picture(figure, array, projection, spectra),
        alt,
        left_out="" if whole else note,
    )


def explore_kernel(kernel: ArrayLike | None = None, branch_widths: str = "8, 8") -> Any:
    """Return controls for a kernel and branch widths, with `kernel_answer` below them; for Jupyter.

    Parameters
    ----------
    kernel : array_like, shape (C, C, kh, kw) or (C, C), optional
        Your own, offered first; channels and window are then its own. Without it there are random kernels, Gabor filters, and the
        matrices of the Fourier (inputs in bit-reversed order) and the Hadamard transform.
    branch_widths : str, default "8, 8"
        The first setting: `K_1, K_2, …`, divisors of the channels, written with commas.

    Returns
    -------
    ipywidgets.VBox

    Raises
    ------
    TypeError, ValueError
        If `kernel` has another number of axes, or holds something else than finite numbers.
    ImportError
        If ipywidgets is not installed.

    Examples
    --------
    >>> [row.children[0].description for row in explore_kernel().children[0].children]
    ['kernel', 'channels', 'window', 'branch widths', 'noise, percent']
    """
    own = {} if kernel is None else {"yours": _own(kernel)}
    controls = {
        "source": choice("kernel", "yours" if own else "Gabor filters", [*own, *_SOURCES]),
        "channels": choice("channels", 64, _CHANNELS),
        "side": choice("window", 3, [(f"{side}×{side}", side) for side in (1, 3, 5)]),
        "branch_widths": text_line("branch widths", text_of("branch_widths", branch_widths)),
        "noise": slider("noise, percent", 0, 100, least=0),
    }

    def respond(source: str, channels: int, side: int, branch_widths: str, noise: int) -> Answer:
        clean = own[source] if source in own else example_kernel(source, channels, side)
        window = clean.shape[2:] or (1, 1)
        chain = Design(clean.shape[0], _widths(branch_widths), window).chain
        return kernel_answer(with_noise(clean, noise / 100), chain)

    return panel(controls, respond)


def _own(kernel: ArrayLike) -> NDArray[Any]:
    array = finite("kernel", numbers("kernel", kernel))
    if array.ndim not in (2, 4) or 0 in array.shape:
        raise ValueError(f"kernel has shape {array.shape}: give (C, C, kh, kw), or (C, C) for a pointwise one")
    return array


def _widths(written: str) -> tuple[int, ...]:
    """Return widths written with commas."""
    try:
        return tuple(int(word) for word in written.replace("×", ",").split(","))
    except ValueError:
        raise ValueError(
            f"branch widths {written!r} are not integers with commas between: write one per factor, such as 8, 8"
        ) from None


def _gabor(C: int, side: int) -> NDArray[Any]:
    """Return waves under a Gaussian: the input sets the direction, the output the phase, so that every block has rank 2."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    angle = np.pi * np.arange(C) / C
    phase = np.pi * (5**0.5 - 1) * np.arange(C)  # golden section of a turn: any outputs of a branch differ
    along = np.multiply.outer(np.cos(angle), x) + np.multiply.outer(np.sin(angle), y)
    return np.asarray(np.cos(2 * along + phase[:, None, None, None]) * np.exp(-(x**2 + y**2) / side))


def _centred(matrix: NDArray[Any], side: int) -> NDArray[Any]:
    """Return the kernel that multiplies channels by a matrix and does nothing to positions."""
    kernel = np.zeros((*matrix.shape, side, side), matrix.dtype)
    kernel[:, :, side // 2, side // 2] = matrix
    return kernel


def _fourier(C: int) -> NDArray[Any]:
    """Return the Fourier matrix with its columns in bit-reversed order, in which it is a product of butterflies."""
    bits = C.bit_length() - 1
    order = [int(f"{i:0{bits}b}"[::-1], 2) for i in range(C)]
    return np.asarray(dft(C)[:, order])


_SOURCES: Mapping[str, Callable[[int, int], NDArray[Any]]] = {
    "Gabor filters": _gabor,
    "random": lambda C, side: np.random.default_rng(0).standard_normal((C, C, side, side)),
    "Fourier": lambda C, side: _centred(_fourier(C), side),
    "Hadamard": lambda C, side: _centred(hadamard(C).astype(float), side),
}


@cache
def example_kernel(source: str, channels: int, side: int) -> NDArray[Any]:
    """Return one of the explorer's own kernels; it is kept, since it is asked for again whenever another control moves.

    Examples
    --------
    >>> example_kernel("Hadamard", 2, 1)[:, :, 0, 0].tolist()
    [[1.0, 1.0], [1.0, -1.0]]
    """
    if (entries := channels**2 * side**2) > _MOST_ENTRIES:
        raise ValueError(
            f"channels={channels} with a window of {side}×{side} are {entries:,} entries, too many to answer at once: "
            "use fewer channels or a smaller window, or call project(kernel, chain)"
        )
    return _SOURCES[source](channels, side)


def with_noise(kernel: NDArray[Any], share: float) -> NDArray[Any]:
    """Return the kernel with white noise that has this share of its norm."""
    if not share:
        return kernel
    noise = np.random.default_rng(1).standard_normal(kernel.shape)
    return np.asarray(kernel + noise * (share * np.linalg.norm(kernel) / np.linalg.norm(noise)))


def _rounded(error: float) -> float:
    return 0.0 if error < _ROUNDING else error


def _picture(figure: Figure, kernel: NDArray[Any], projection: Projection, spectra: Mapping[str, Any]) -> None:
    """Draw the kernel and its product, of large ones a corner, and the spectra."""
    axes = panels(figure, 1, 1, 1.2, height=2.5, left=0.1, gap=0.75)
    rows, columns = _corner(kernel)
    largest = float(np.abs(kernel.real).max())
    for ax, whole, title in (
        (axes[0], kernel, "kernel"),
        (axes[1], _first_outputs(projection.product, rows), "nearest product"),
    ):
        plot_kernel(kernel_columns(whole[:rows, :columns]), ax, largest=largest).set_title(title)
        ax.set_xlabel("" if (rows, columns) == kernel.shape[:2] else f"{rows} of {kernel.shape[0]} channels")
    plot_block_spectra(spectra, axes[2]).set_title("singular values of the blocks")


def _corner(kernel: NDArray[Any]) -> tuple[int, int]:
    """Return how many output and input channels of a kernel are drawn."""
    height, width = kernel.shape[2:] or (1, 1)
    return min(kernel.shape[0], _MOST_PIXELS // height), min(kernel.shape[1], _MOST_PIXELS // width)


def _first_outputs(product: Product, rows: int) -> NDArray[Any]:
    """Return the first rows of windows of a product's kernel, without the others."""
    adjoint = product.H @ np.eye(product.shape[0], rows)
    return np.asarray(adjoint.conj().T.reshape(rows, product.chain.in_channels, *product.window))
