"""Products against their definition, against their own matrices, and as SciPy operators."""

from __future__ import annotations

import copy
import os
import pickle
import tracemalloc
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, aslinearoperator, gmres, svds

from igc_theory.kernels import (
    Product,
    convolve,
    kernel_matrix,
    patches,
    random_product,
)
from igc_theory.kernels.products.fixed_weights import regular_as_igc_product, summation_fusion_product
from igc_theory.structure import Chain, GroupConv, group, igcv1, igcv2, igcv3, interleave, path_counts, regular
from tests import cases
from tests.kernels import blocks

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]


def by_walking(product):
    """The dense kernel: every path from an output back to the inputs, its weights multiplied and its positions added up."""
    chain, weights = product.chain, list(product.weights)
    height, width = product.window
    kernel = np.zeros((chain.out_channels, chain.in_channels, height, width), product.dtype)
    for o in range(chain.out_channels):
        ends, left = {(o, 0, 0): 1}, list(weights)
        for factor in reversed(chain.factors):
            onward = {}
            for (channel, p, q), weight in ends.items():
                if not isinstance(factor, GroupConv):
                    onward[int(factor.indices[channel]), p, q] = weight
                    continue
                first = channel // factor.out_width * factor.in_width
                for i, u, v in np.ndindex(factor.in_width, *factor.window):
                    end = first + i, p * factor.strides[0] + u, q * factor.strides[1] + v
                    onward[end] = onward.get(end, 0) + weight * left[-1][channel, i, u, v]
            if isinstance(factor, GroupConv):
                left.pop()
            ends = onward
        for (i, u, v), weight in ends.items():
            kernel[o, i, u, v] = weight
    return kernel


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("chain", blocks.ALL.values(), ids=blocks.ALL)
def test_every_view_of_a_product_is_the_same_matrix(chain, dtype):
    rng = np.random.default_rng(1)
    product = random_product(chain, rng, dtype) if chain.convolutions else Product(chain, [])
    kernel, tolerance = by_walking(product), 1e-5 if product.dtype.char in "fF" else 1e-13
    matrix = kernel.reshape(product.shape)
    for found in (
        product.matrix(),
        product @ np.eye(product.shape[1]),
        (product.H @ np.eye(product.shape[0])).conj().T,
    ):
        np.testing.assert_allclose(found, matrix, atol=tolerance)
    np.testing.assert_allclose(product.kernel(), kernel, atol=tolerance)
    assert product.matrix().dtype == product.dtype
    factors = product.sparse_factors()
    assert len(factors) == len(chain.factors)
    assert all(isinstance(factor, csr_array) for factor in factors)
    np.testing.assert_allclose(reduce(lambda done, factor: factor @ done, factors).toarray(), matrix, atol=tolerance)
    x, y = rng.standard_normal(product.shape[1]), rng.standard_normal((product.shape[0], 2))
    np.testing.assert_allclose(product @ x, matrix @ x, atol=10 * tolerance)
    np.testing.assert_allclose(product.H @ y, matrix.conj().T @ y, atol=10 * tolerance)
    np.testing.assert_allclose(product.T @ y, matrix.T @ y, atol=10 * tolerance)


@given(blocks.chains(), st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_any_chain_is_its_walks(chain, seed):
    rng = np.random.default_rng(seed)
    product = random_product(chain, rng) if chain.convolutions else Product(chain, [])
    matrix = by_walking(product).reshape(product.shape)
    np.testing.assert_allclose(product.matrix(), matrix, atol=1e-12)
    x = rng.standard_normal((product.shape[1], 5))
    for batch in (1, 5):
        np.testing.assert_allclose(product.plan(batch)(x[:, :batch]), matrix @ x[:, :batch], atol=1e-11)


@pytest.mark.parametrize("chain", blocks.ALL.values(), ids=blocks.ALL)
@pytest.mark.parametrize("padding", ["same", "valid", 1])
def test_convolution_factor_by_factor_is_that_of_the_kernel(chain, padding):
    rng = np.random.default_rng(2)
    product = random_product(chain, rng)
    image = rng.standard_normal((chain.in_channels, 9, 8))
    expected = convolve(image, product.kernel(), stride=product.stride, padding=padding)
    np.testing.assert_allclose(product.convolve(image, padding), expected, atol=1e-13)
    columns = patches(image, product.window, product.stride, padding)
    np.testing.assert_allclose((product @ columns).reshape(expected.shape), expected, atol=1e-13)


def test_padding_once_is_padding_at_the_one_spatial_factor():
    rng = np.random.default_rng(3)
    product = random_product(igcv3(4, 6, 2, stride=2), rng)
    image = rng.standard_normal((4, 7, 7))
    expected, weights = image, iter(product.weights)
    for factor in product.chain.factors:
        if isinstance(factor, GroupConv):
            expected = convolve(expected, next(weights), factor.groups, factor.strides)
        else:
            expected = factor(expected)
    np.testing.assert_allclose(product.convolve(image), expected, atol=1e-13)


def test_all_small_permuted_chains():
    rng = np.random.default_rng(4)
    for chain in cases.permuted_rectangular_chains():
        product = random_product(chain, rng)
        matrix = reduce(lambda done, factor: factor @ done, product.sparse_factors()).toarray()
        np.testing.assert_allclose(product @ np.eye(product.shape[1]), matrix, atol=1e-13)
        np.testing.assert_allclose(product.matrix(), matrix, atol=1e-13)
        assert (matrix[path_counts(chain) == 0] == 0).all()


def test_unit_weights_count_paths():
    for chain in cases.permuted_rectangular_chains():
        product = Product(chain, [np.ones((conv.out_channels, conv.in_width)) for conv in chain.convolutions])
        assert np.array_equal(product.matrix(), path_counts(chain))


def test_a_regular_convolution_is_its_own_matrix():
    kernel = np.random.default_rng(5).standard_normal((4, 3, 2, 5))
    product = Product(regular(3, 4, (2, 5)), [kernel])
    assert np.array_equal(product.matrix(), kernel_matrix(kernel))
    assert np.array_equal(product.kernel(), kernel)


def test_two_windows_compose_to_a_larger_one():
    first, second = np.array([1.0, 2, 3]), np.array([4.0, 5])
    chain = Chain([GroupConv(1, 1, 1, (1, 3)), GroupConv(1, 1, 1, (1, 2))])
    product = Product(chain, [first.reshape(1, 1, 1, 3), second.reshape(1, 1, 1, 2)])
    # Correlating twice is correlating with the convolution of the kernels.
    assert product.window == (1, 4)
    np.testing.assert_array_equal(product.kernel()[0, 0, 0], np.convolve(first, second))


def test_a_stride_spreads_the_windows_behind_it():
    chain = Chain([GroupConv(1, 1, stride=2), GroupConv(1, 1, kernel_size=(1, 3), stride=(1, 3))])
    product = Product(chain, [np.ones((1, 1)), np.array([1.0, 2, 3]).reshape(1, 1, 1, 3)])
    assert (product.window, product.stride) == ((1, 5), (2, 6))
    assert product.kernel()[0, 0, 0].tolist() == [1, 0, 2, 0, 3]


# --- as an operator ------------------------------------------------------------------------------------------------------


def test_it_composes_with_other_operators():
    rng = np.random.default_rng(6)
    one, two = random_product(igcv1(2, 3, 1), rng), random_product(igcv2([3, 2], 1), rng)
    dense = rng.standard_normal((6, 6))
    operator = 2 * one @ two.H + aslinearoperator(dense)
    assert isinstance(operator, LinearOperator)
    x = rng.standard_normal(6)
    np.testing.assert_allclose(operator @ x, 2 * one.matrix() @ (two.matrix().T @ x) + dense @ x, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_scipys_solvers_take_it(dtype):
    rng = np.random.default_rng(7)
    product = random_product(igcv2([2, 3, 2], 1), rng, dtype)
    values = svds(product, k=3, return_singular_vectors=False, rng=rng)
    np.testing.assert_allclose(np.sort(values)[::-1], np.linalg.svd(product.matrix(), compute_uv=False)[:3], rtol=1e-10)
    b = product @ rng.standard_normal(12)
    solution, status = gmres(product, b, rtol=1e-12, restart=12)
    assert status == 0
    np.testing.assert_allclose(product @ solution, b, atol=1e-8)


def test_no_columns_are_no_columns():
    product = random_product(igcv3(4, 6, 2), np.random.default_rng(8))
    assert (product @ np.empty((36, 0))).shape == (6, 0)
    assert (product.H @ np.empty((6, 0))).shape == (36, 0)


def test_weights_are_copied_and_read_only():
    weights = [np.ones((6, 3, 3, 3)), np.ones((6, 2))]
    product = Product(igcv1(2, 3), weights)
    weights[0][:] = 0
    assert product.weights[0].all()
    assert product.weights[1].shape == (6, 2, 1, 1)
    with pytest.raises(ValueError, match="read-only"):
        product.weights[0][:] = 0
    x = np.ones(54)
    product.matvec(x)
    assert (x == 1).all()


def test_weights_of_mixed_types_meet():
    product = Product(igcv1(2, 3), [np.ones((6, 3, 3, 3), np.float32), np.ones((6, 2), complex)])
    assert {weight.dtype for weight in product.weights} == {np.dtype(complex)}
    integers = Product(igcv1(2, 3), [np.ones((6, 3, 3, 3), int), np.ones((6, 2), bool)])
    assert integers.dtype == np.float64


def test_products_are_applied_without_their_matrix():
    product = random_product(igcv2([2] * 16, kernel_size=1), np.random.default_rng(0))
    assert np.isfinite(product @ np.ones(2**16)).all()  # the matrix would take 32 gigabytes
    with pytest.raises(ValueError, match="apply the product to vectors"):
        product.matrix()
    spatial = random_product(igcv2([1] + [2] * 13), np.random.default_rng(0))
    tracemalloc.start()
    assert spatial.convolve(np.ones((2**13, 3, 3))).shape == (2**13, 3, 3)
    assert tracemalloc.get_traced_memory()[1] < 2**26  # the kernel would take 4.8 gigabytes
    tracemalloc.stop()


# --- random products -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "chain", [igcv2([8, 8, 8]), igcv3(32, 64, 4), regular(16, 512)], ids=["igcv2", "igcv3", "regular"]
)
def test_random_products_keep_the_variance(chain, dtype):
    rng = np.random.default_rng(9)
    products = [random_product(chain, rng, dtype) for _ in range(20)]
    assert {product.dtype for product in products} == {np.dtype(dtype)}
    outputs = [product @ rng.standard_normal((product.shape[1], 20)) for product in products]
    # Four per cent is several times the spread over these draws; a factor 2, or fan-out for fan-in, would be far outside.
    assert abs(np.mean(np.abs(outputs) ** 2) - 1) < 0.04


def test_random_products_are_reproducible():
    one, two = (random_product(igcv1(2, 3), np.random.default_rng(10)) for _ in range(2))
    assert all(map(np.array_equal, one.weights, two.weights))


# --- the fixed 0/1 secondary kernels of THEORY section 4 -----------------------------------------------------------------


@pytest.mark.parametrize("window", [(1, 1), (3, 3), (2, 3)])
def test_a_regular_convolution_is_an_interleaved_one(window):
    rng = np.random.default_rng(11)
    kernel, image = rng.standard_normal((6, 6, *window)), rng.standard_normal((6, 7, 8))
    product = regular_as_igc_product(kernel)
    assert set(np.unique(product.weights[1])) == {0, 1}
    expected = convolve(image, kernel)
    found = product.convolve(np.concatenate([image, image]))
    np.testing.assert_allclose(found, np.concatenate([expected, expected]), atol=1e-13)


@pytest.mark.parametrize(("L", "M"), [(1, 3), (2, 3), (4, 2), (3, 1)])
def test_summation_fusion_is_an_interleaved_convolution(L, M):
    rng = np.random.default_rng(12)
    kernel, image = rng.standard_normal((L * M, M, 3, 3)), rng.standard_normal((L * M, 6, 5))
    product = summation_fusion_product(kernel, L)
    assert (product.weights[1] == 1).all()
    parts = [convolve(image[l * M : (l + 1) * M], kernel[l * M : (l + 1) * M]) for l in range(L)]
    np.testing.assert_allclose(product.convolve(image), np.concatenate([sum(parts)] * L), atol=1e-13)


# --- on disk -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["igcv3 strided", "arbitrary permutations", "one permutation", "two spatial factors"])
def test_round_trip_is_exact(tmp_path, name, dtype):
    chain = blocks.ALL[name]
    product = random_product(chain, np.random.default_rng(13), dtype)
    product.save(tmp_path / "product.npz")
    again = Product.load(tmp_path / "product.npz")
    assert again.chain == chain
    assert again.chain.name == chain.name
    assert [w.dtype for w in again.weights] == [w.dtype for w in product.weights]
    assert [w.tobytes() for w in again.weights] == [w.tobytes() for w in product.weights]
    assert [path.name for path in tmp_path.iterdir()] == ["product.npz"]


@pytest.mark.parametrize("letter", ["x", "é", "文", "😀"])
def test_a_name_may_be_as_long_as_the_system_allows(tmp_path, letter):
    name = letter * (251 // len(letter.encode())) + ".npz"  # a name of Linux and macOS holds 255 bytes
    product = random_product(igcv1(4, 3), np.random.default_rng(0))
    product.save(tmp_path / name)
    np.testing.assert_array_equal(Product.load(tmp_path / name).matrix(), product.matrix())
    assert os.listdir(tmp_path) == [name]


def test_an_interleaving_stays_one_without_its_index_list(tmp_path):
    product = random_product(Chain([GroupConv(4, 4, 4), interleave(2, 2)]), np.random.default_rng(14))
    product.save(tmp_path / "p")
    assert Product.load(tmp_path / "p").chain.factors[1].interleaved == (2, 2)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    product = random_product(igcv1(2, 3), np.random.default_rng(15))
    product.save(tmp_path / "p.npz")
    before = (tmp_path / "p.npz").read_bytes()

    def full_disk(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="no space"):
        product.save(tmp_path / "p.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["p.npz"]
    assert (tmp_path / "p.npz").read_bytes() == before


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "p.npz"
    random_product(igcv1(2, 3), np.random.default_rng(16)).save(path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    for damaged in (b"", whole[:10], whole[:middle], whole[:-5], whole[:middle] + b"\xff" + whole[middle + 1 :]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"p\.npz' is not a product that Product.save wrote, or is damaged"):
            Product.load(path)


def test_foreign_files_are_refused(tmp_path):
    def written(name, write):
        with open(tmp_path / name, "wb") as file:
            write(file)
        return tmp_path / name

    foreign = [
        written("text", lambda file: file.write(b"hello, this is a text file")),
        written("array.npy", lambda file: np.save(file, np.ones(3))),
        written("arrays.npz", lambda file: np.savez(file, a=np.ones(3))),
        written("chain.npz", lambda file: np.savez(file, chain=np.ones(3))),
        written("format.npz", lambda file: np.savez(file, chain=np.array('{"format": "another 7"}'))),
        written("list.npz", lambda file: np.savez(file, chain=np.array("[1, 2]"))),
        written("pickle", lambda file: pickle.dump({"chain": 1}, file)),
        written("object.npz", lambda file: np.savez(file, chain=np.array([{}, 1], dtype=object))),
    ]
    for path in foreign:
        with pytest.raises(ValueError, match=r"is not a product that Product\.save wrote"):
            Product.load(path)
    with pytest.raises(FileNotFoundError):
        Product.load(tmp_path / "nothing.npz")


def test_it_can_be_pickled():
    product = random_product(igcv1(2, 3), np.random.default_rng(17))
    for again in (pickle.loads(pickle.dumps(product)), copy.deepcopy(product), copy.copy(product)):
        assert np.array_equal(again.matrix(), product.matrix())
        for weights in again.weights:
            with pytest.raises(ValueError, match="read-only"):
                weights[:] = 0


# --- displays and bad input ----------------------------------------------------------------------------------------------


def test_displays_name_the_block_and_count_its_weights():
    product = random_product(igcv1(2, 3), np.random.default_rng(18))
    assert repr(product) == "Product(6x54, float64, 174 weights for 324: IGCV1 L=2 M=3)"
    assert str(product).startswith(repr(product))
    assert "GroupConv(6, 6, groups=3)" in str(product)
    html = product._repr_html_()
    assert "174 weights for 324" in html
    assert html.count("<tr>") == 5


CHAIN, WEIGHTS = igcv1(2, 3), [np.ones((6, 3, 3, 3)), np.ones((6, 2))]
RNG = np.random.default_rng(19)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: Product(CHAIN.factors, WEIGHTS), TypeError, "is a tuple: give a Chain"),
        (lambda: Product(CHAIN, WEIGHTS[:1]), ValueError, "weights has 1 arrays, but the chain has 2 convolutions"),
        (lambda: Product(CHAIN, None), TypeError, "weights=None is a NoneType, not a sequence"),
        (lambda: Product(CHAIN, "ab"), TypeError, "weights='ab' is a str, not a sequence"),
        (
            lambda: Product(CHAIN, WEIGHTS[::-1]),
            ValueError,
            r"weights\[0\] has shape \(6, 2\), but .* needs \(6, 3, 3, 3\)$",
        ),
        (lambda: Product(CHAIN, [WEIGHTS[0], np.ones((6, 3))]), ValueError, r"needs \(6, 2, 1, 1\) or \(6, 2\)"),
        (
            lambda: Product(CHAIN, [WEIGHTS[0], np.full((6, 2), np.nan)]),
            ValueError,
            r"weights\[1\]\[0, 0\]=nan is not finite",
        ),
        (lambda: Product(CHAIN, [WEIGHTS[0], np.full((6, 2), "a")]), TypeError, r"weights\[1\] has dtype <U1"),
        (lambda: Product(CHAIN, [WEIGHTS[0], [[1, 2], [3]]]), ValueError, r"weights\[1\]=.* is a ragged nesting"),
        (lambda: Product(CHAIN, WEIGHTS).convolve(np.ones((5, 4, 4))), ValueError, "image has 5 channels"),
        (lambda: Product(CHAIN, WEIGHTS).convolve(np.ones((6, 4))), ValueError, "image has shape"),
        (
            lambda: Product(CHAIN, WEIGHTS).convolve(np.ones((6, 2, 2)), "valid"),
            ValueError,
            "larger than the padded image",
        ),
        (lambda: Product(CHAIN, WEIGHTS) @ np.ones(6), ValueError, r"x has shape \(6,\), but the operator takes \(54,"),
        (
            lambda: Product(CHAIN, WEIGHTS) @ np.ones((6, 54)),
            ValueError,
            r"x has shape \(6, 54\), but the operator takes \(54,",
        ),
        (lambda: Product(CHAIN, WEIGHTS).H @ np.ones(54), ValueError, "mismatch|has shape"),
        (
            lambda: Product(CHAIN, WEIGHTS).rmatvec(np.ones(54)),
            ValueError,
            r"x has shape \(54,\), but the operator takes \(6,",
        ),
        (
            lambda: Product(CHAIN, WEIGHTS).rmatmat(np.ones((54, 1))),
            ValueError,
            r"X has shape \(54, 1\), but the operator takes \(6,",
        ),
        (lambda: Product(CHAIN, WEIGHTS) @ np.array(["a"] * 54), TypeError, "x has dtype <U1"),
        (
            lambda: Product(CHAIN, WEIGHTS) @ Product(CHAIN, WEIGHTS),
            ValueError,
            r"x has shape \(6, 54\), but the operator takes \(54, N\): give one of that shape$",
        ),
        (
            lambda: Product(CHAIN, WEIGHTS) - Product(CHAIN, WEIGHTS).H,
            ValueError,
            r"other has shape \(54, 6\), but the operator takes \(6, 54\): give one of that shape$",
        ),
        (lambda: "a" * Product(CHAIN, WEIGHTS), TypeError, "x='a' is a str: give real or complex numbers"),
        (lambda: random_product(CHAIN, RNG, "9" * 5000), TypeError, "dtype='99.*is not a type to compute in"),
        (lambda: random_product(WEIGHTS, RNG), TypeError, "is a list: give a Chain"),
        (
            lambda: random_product(CHAIN, RNG, np.int8),
            TypeError,
            "dtype=.*int8.* is not a type to compute in: give float32",
        ),
        (lambda: random_product(CHAIN, 7), TypeError, r"rng=7 is an int: give numpy\.random\.default_rng\(seed\)"),
        (lambda: random_product(CHAIN, None), TypeError, "rng=None is a NoneType: give numpy.random.default_rng"),
        (lambda: random_product(CHAIN, RNG, "float1024"), TypeError, "dtype='float1024' is not a type"),
        (lambda: regular_as_igc_product(np.ones((6, 4, 3, 3))), ValueError, "6 output and 4 input channels"),
        (lambda: regular_as_igc_product(np.ones((3, 3, 3, 3))), ValueError, "groups=2 does not divide channels=3"),
        (lambda: regular_as_igc_product(np.ones((4, 4))), ValueError, "kernel has shape"),
        (lambda: summation_fusion_product(np.ones((6, 2, 3, 3)), 2), ValueError, "3 output and 2 input channels"),
        (lambda: summation_fusion_product(np.ones((6, 2, 3, 3)), 4), ValueError, "groups=4 does not divide"),
    ],
)
def test_bad_input_gets_a_sentence(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()


def test_numpys_own_scalars_count_as_sizes():
    assert group(np.int64(4), np.int64(4), np.int64(2)).parameters == 4 * 2 * 9


@pytest.mark.parametrize("chain", blocks.ALL.values(), ids=blocks.ALL)
def test_digits_do_not_depend_on_the_memory_order_of_the_operand(chain):
    """Some BLAS kernels, those for AVX-512 among them, round a transposed operand otherwise."""
    rng = np.random.default_rng(8)
    product = random_product(chain, rng)
    for columns in (2, 8, 33):
        x = rng.standard_normal((product.shape[1], columns))
        wide = np.repeat(x, 2, axis=1)[:, ::2]
        for other in (np.asfortranarray(x), wide):
            assert np.array_equal(product @ other, product @ x)
            assert np.array_equal(product.T.rmatmat(other), product.T.rmatmat(x))
