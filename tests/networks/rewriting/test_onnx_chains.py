"""Chains as ONNX nodes, against the products: by the evaluator of onnx, and by onnxruntime where it is installed."""

import numpy as np
import pytest

from igc_theory.budget import best_block
from igc_theory.kernels import random_product
from igc_theory.structure import (
    Chain,
    ChannelPermutation,
    GroupConv,
    depthwise_separable,
    group,
    igcv1,
    igcv2,
    igcv3,
    interleave,
    interleaved,
    regular,
)

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from onnx.reference import ReferenceEvaluator

from igc_theory.networks.rewriting.onnx_chains import chain_model, chain_nodes

CHAINS = [
    igcv1(4, 3),
    igcv2([2, 3, 4]),
    igcv3(6, 8, stride=2),
    interleaved(12, [1, 4, 4]),
    interleaved(13, [1, 13]) + ChannelPermutation([*range(1, 13), 0]),
    best_block(16, 24, stride=2).chain,
    regular(4, 6, 4, stride=2),
    regular(4, 6) + group(6, 6, groups=2, kernel_size=5),
    Chain([GroupConv(4, 4, stride=(2, 3))]) + regular(4, 4),
    Chain([ChannelPermutation([2, 0, 1])]),
    Chain([interleave(1, 3)]),
]


def operators(chain, **options):
    product = random_product(chain, np.random.default_rng(0))
    return [node.op_type for node in chain_nodes(product, "x", "y", **options).nodes]


def evaluated(written, image, opset=17):
    """Return what nodes make of one image, shapes left open."""
    kind = onnx.helper.np_dtype_to_tensor_dtype(image.dtype)
    ends = [onnx.helper.make_tensor_value_info(name, kind, None) for name in "xy"]
    graph = onnx.helper.make_graph(written.nodes, "g", ends[:1], ends[1:], written.initializers)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    return ReferenceEvaluator(model).run(None, {"x": image[None]})[0][0]


@pytest.mark.parametrize("chain", CHAINS, ids=repr)
def test_model_computes_the_convolution_of_the_product(chain):
    rng = np.random.default_rng(1)
    product, image = random_product(chain, rng), rng.standard_normal((chain.in_channels, 7, 8))
    model = chain_model(product, 7, 8)
    onnx.checker.check_model(model, full_check=True)
    found = ReferenceEvaluator(model).run(None, {"x": image[None]})[0][0]
    np.testing.assert_allclose(found, product.convolve(image), rtol=0, atol=1e-12)


@pytest.mark.parametrize("chain", CHAINS, ids=repr)
def test_onnxruntime_agrees(chain):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    rng = np.random.default_rng(1)
    product, image = random_product(chain, rng, np.float32), rng.standard_normal((chain.in_channels, 7, 8))
    model = chain_model(product, 7, 8, np.float32).SerializeToString()
    session = runtime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found = session.run(None, {"x": image[None].astype(np.float32)})[0][0]
    np.testing.assert_allclose(found, product.convolve(image), rtol=0, atol=1e-5)


def test_shuffles_are_spared_turned_or_gathered():
    assert operators(regular(6, 6) + interleave(2, 3) + group(6, 6, 2)) == ["Pad", "Conv", "Conv"]
    turned = ["Reshape", "Transpose", "Shape", "Reshape"]
    assert operators(igcv1(4, 2)) == ["Conv", *turned, "Conv", *turned]
    assert operators(igcv1(4, 2), free_output=True) == ["Conv", *turned, "Conv"]
    mixed = ChannelPermutation([0, 1, 4, 2, 3, 5])
    assert operators(group(6, 6, 3) + mixed + group(6, 6, 2, 1)) == ["Conv", "Gather", "Conv"]


@pytest.mark.parametrize("free", [False, True])
def test_bias_pads_and_dilation_as_a_layer_has_them(free):
    rng = np.random.default_rng(2)
    chain = igcv1(4, 3) + ChannelPermutation(rng.permutation(12))
    product, image, bias = random_product(chain, rng), rng.standard_normal((12, 9, 8)), rng.standard_normal(12)
    written = chain_nodes(
        product, "x", "y", bias=bias, pads=(2, 0, 1, 3), dilation=2, free_input=free, free_output=free, prefix="p"
    )
    kernel = np.zeros((12, 12, 5, 5))
    kernel[:, :, ::2, ::2] = product.kernel()
    around = np.pad(image, ((0, 0), (2, 1), (0, 3)))
    seen = np.lib.stride_tricks.sliding_window_view(around, (5, 5), axis=(1, 2))
    expected = np.einsum("oirs,ihwrs->ohw", kernel, seen) + bias[:, None, None]
    np.testing.assert_allclose(evaluated(written, image[written.before]), expected[written.after], rtol=0, atol=1e-12)
    assert all(name.startswith("p/") for name in (constant.name for constant in written.initializers))


def test_sequences():
    rng = np.random.default_rng(3)
    product, image = random_product(igcv1(4, 3, kernel_size=(1, 3)), rng), rng.standard_normal((12, 10))
    found = evaluated(chain_nodes(product, "x", "y", axes=1), image)
    np.testing.assert_allclose(found, product.convolve(image[:, None])[:, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("chain", "options", "sentence"),
    [
        (igcv1(4, 2), {"axes": 3}, "axes=3 is above 2"),
        (igcv1(4, 2), {"axes": 1}, "axes=1 does not fit"),
        (igcv1(4, 2), {"bias": np.ones(7)}, "bias has shape"),
        (igcv1(4, 2), {"dilation": 0}, "dilation"),
        (regular(4, 4) + regular(4, 4), {"dilation": 2}, "several windows"),
    ],
)
def test_bad_input(chain, options, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        operators(chain, **options)


def test_what_is_no_real_product_is_refused():
    with pytest.raises(TypeError, match="complex weights"):
        chain_nodes(random_product(depthwise_separable(2, 2), np.random.default_rng(0), np.complex128), "x", "y")
    with pytest.raises(TypeError, match="product="):
        chain_model(depthwise_separable(2, 2), 7, 7)
