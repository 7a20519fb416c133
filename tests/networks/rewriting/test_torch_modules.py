"""Chains as PyTorch modules and back: values against Product.convolve, ONNX, and counts against the modules' own tensors."""

import contextlib
import copy
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from igc_theory.budget import multiply_adds
from igc_theory.kernels import Product, random_product
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
    regular,
    shufflenet_unit,
    xception,
)
from tests.cases import FOUR_CYCLE, UNEVEN


def test_without_torch_the_error_names_the_extra():
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom igc_theory import igcv1, networks\n"
        "try:\n    networks.to_torch(igcv1(4, 2))\nexcept ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install torch" in done.stdout


torch = pytest.importorskip("torch", reason="the extra torch is not installed")
pytest.importorskip("onnx", reason="the extra onnx is not installed")

from torch import nn

from igc_theory.networks import from_torch, read_onnx, to_torch
from igc_theory.networks.description.layers import Shuffle
from igc_theory.networks.rewriting import torch_modules

CHAINS = [
    regular(4, 6),
    group(4, 6, groups=2, kernel_size=5),
    depthwise_separable(4, 6),
    xception(4, 6),
    igcv1(4, 3),
    igcv2([2, 3, 4]),
    igcv2([1, 2, 2, 3], kernel_size=(1, 5)),
    igcv3(6, 8),
    igcv3(6, 8, stride=2),
    shufflenet_unit(12, groups=3),
    FOUR_CYCLE,
    UNEVEN,
    Chain([ChannelPermutation([2, 0, 1])]),
    Chain([GroupConv(4, 4, stride=(2, 3)), interleave(2, 2)]),
    Chain([GroupConv(4, 4, stride=(2, 3))]) + regular(4, 4),
    Chain([GroupConv(4, 4, stride=4)]) + regular(4, 4, 5),
]
"""At most one spatial factor, of odd window: it puts the zeros around itself."""

PADDED_IN_FRONT = [
    regular(4, 6, kernel_size=4),
    regular(4, 6, kernel_size=(2, 3)),
    regular(4, 6) + group(6, 6, groups=2, kernel_size=5),
    regular(4, 6) + Chain([GroupConv(6, 6, 3, 3, stride=2)]) + igcv1(3, 2),
]
"""Several spatial factors, or an even window: the zeros stand in front of the chain."""


def applied(module, image):
    """Return what a module makes of one image."""
    with torch.no_grad():
        return module(torch.from_numpy(image)[None])[0].numpy()


def rebuilt(network):
    """Return the chain that a network without anything else in it consists of."""
    nodes = [layer.node for layer in network.layers]
    return Chain(node.permutation if isinstance(node, Shuffle) else node.convolution for node in nodes)


def exported(module, example, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter, which prefers its successor
        torch.onnx.export(module, (example,), str(path), dynamo=False)
    return path


# --- to_torch -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("chain", CHAINS + PADDED_IN_FRONT, ids=repr)
def test_module_computes_the_convolution_of_the_product(chain, dtype, tolerance):
    rng = np.random.default_rng(1)
    product, image = random_product(chain, rng, dtype), rng.standard_normal((chain.in_channels, 9, 11)).astype(dtype)
    if not chain.convolutions:
        product = Product(chain, [])
    response = applied(to_torch(product), image)
    assert response.dtype == dtype
    np.testing.assert_allclose(response, product.convolve(image), rtol=0, atol=tolerance)


@given(
    widths=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    window=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    sides=st.tuples(st.integers(4, 8), st.integers(4, 8)),
)
def test_any_window_and_image(widths, window, sides):
    rng = np.random.default_rng(2)
    product = random_product(igcv2(widths, kernel_size=window), rng)
    image = rng.standard_normal((product.chain.in_channels, *sides))
    np.testing.assert_allclose(applied(to_torch(product), image), product.convolve(image), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "chain",
    [igcv2([2, 3, 4], (1, 5)), regular(4, 6, (1, 4)), regular(4, 6, (1, 3)) + regular(6, 4, (1, 3))],
    ids=repr,
)
def test_sequences(chain):
    rng = np.random.default_rng(3)
    product, sequence = random_product(chain, rng), rng.standard_normal((chain.in_channels, 11))
    module = to_torch(product, axes=1)
    assert any(isinstance(layer, nn.Conv1d) for layer in module)
    expected = product.convolve(sequence[:, None])[:, 0]
    np.testing.assert_allclose(applied(module, sequence), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("dilation", [1, 2, (2, 1)])
@pytest.mark.parametrize("chain", [*PADDED_IN_FRONT[:3], igcv1(4, 3), CHAINS[13] + regular(4, 4)], ids=repr)
def test_dilation_and_padding_mode_are_those_of_one_dense_convolution(chain, dilation, mode):
    rng = np.random.default_rng(6)
    product = random_product(chain, rng)
    image = torch.from_numpy(rng.standard_normal((1, chain.in_channels, 12, 13)))
    # The weights of one dense convolution: the responses to single ones, read backwards.
    (kh, kw), strides = chain.window, chain.strides
    steps = (dilation, dilation) if isinstance(dilation, int) else dilation
    ones = torch.eye(chain.in_channels * kh * kw, dtype=torch.float64).reshape(-1, chain.in_channels, kh, kw)
    bare = [layer for layer in to_torch(product) if "Pad" not in type(layer).__name__]
    for layer in bare:
        layer.padding = (0, 0) if isinstance(layer, nn.Conv2d) else None
    with torch.no_grad():
        columns = nn.Sequential(*bare)(ones)[:, :, 0, 0]
        kernel = columns.T.reshape(chain.out_channels, chain.in_channels, kh, kw)
        rims = [step * (side - 1) for side, step in zip((kw, kh), steps[::-1], strict=True)]
        sides = [rim for whole in rims for rim in (whole // 2, whole - whole // 2)]
        padded = nn.functional.pad(image, sides, mode="constant" if mode == "zeros" else mode)
        expected = nn.functional.conv2d(padded, kernel, stride=strides, dilation=steps)
        found = to_torch(product, dilation=dilation, padding_mode=mode)(image)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


def test_biases_start_at_zero_behind_the_weights_of_a_product():
    product, rng = random_product(igcv1(4, 3), np.random.default_rng(7)), np.random.default_rng(8)
    image, module = rng.standard_normal((12, 6, 6)), to_torch(product, bias=True)
    np.testing.assert_allclose(applied(module, image), product.convolve(image), rtol=0, atol=1e-12)
    assert [layer.bias.numel() for layer in module if isinstance(layer, nn.Conv2d)] == [12, 12]
    with torch.no_grad():
        module[2].bias.fill_(1.5)
    shifted = applied(module, image) - product.convolve(image)
    np.testing.assert_allclose(shifted, 1.5, rtol=0, atol=1e-12)


@pytest.mark.parametrize("axes", [1, 2])
def test_an_image_without_a_batch_is_refused(axes):
    module = to_torch(igcv1(4, 2, (1, 3)), axes=axes)
    with pytest.raises(ValueError, match=r"give a batch of images, x\[None\]"):
        module(torch.zeros(8, *(8,) * axes))


def test_it_can_be_scripted():
    product, image = random_product(igcv1(4, 3), np.random.default_rng(9)), torch.randn(2, 12, 6, 6).double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch prefers torch.export
        scripted = torch.jit.script(to_torch(product, bias=True, dilation=2))
    torch.testing.assert_close(scripted(image), to_torch(product, dilation=2)(image))
    # TorchScript may drop a check that only raises; then an image without a batch gives what a batch of one gives.
    with contextlib.suppress(torch.jit.Error):
        torch.testing.assert_close(scripted(image[0]), scripted(image[:1])[0])


@pytest.mark.parametrize(("arguments", "sentence"), [
    ({"padding_mode": "same"}, "padding_mode='same' is not known: use 'zeros'"),
    ({"dilation": 0}, "dilation=0 is below 1"),
    ({"bias": 1}, "bias=1 is an int: give True or False"),
])  # fmt: skip
def test_what_no_convolution_takes_is_refused(arguments, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        to_torch(igcv1(2, 2), **arguments)


def test_weights_are_copied():
    product = random_product(igcv1(4, 3), np.random.default_rng(0))
    before = [weight.copy() for weight in product.weights]
    module = to_torch(product)
    with torch.no_grad():
        module[0].weight.fill_(7)
    assert all(map(np.array_equal, product.weights, before))


def test_a_chain_has_weights_to_train():
    chain = igcv3(4, 4, expansion=2)
    module = to_torch(chain)
    assert sum(weight.numel() for weight in module.parameters()) == chain.parameters
    module(torch.ones(2, 4, 5, 5)).sum().backward()
    assert all(weight.grad is not None and weight.dtype == torch.float32 for weight in module.parameters())


def test_state_dict_comes_back_with_weights_and_wiring(tmp_path):
    rng = np.random.default_rng(4)
    product, image = random_product(igcv1(4, 3), rng), rng.standard_normal((12, 6, 6))
    torch.save(to_torch(product).state_dict(), tmp_path / "state.pt")
    shuffled = [
        ChannelPermutation(rng.permutation(12)) if k % 2 else conv for k, conv in enumerate(product.chain.factors)
    ]
    other = to_torch(random_product(Chain(shuffled), rng))
    assert not np.allclose(applied(other, image), product.convolve(image))
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    np.testing.assert_allclose(applied(other, image), product.convolve(image), rtol=0, atol=1e-12)


def in_short(chain: Chain) -> list:
    """Return the factors, neighbouring permutations as one and identities left out: a file does not tell them apart."""
    factors: list = []
    for factor in chain.factors:
        order = factor.indices if isinstance(factor, ChannelPermutation) else None
        if order is not None and factors and isinstance(factors[-1], ChannelPermutation):
            order = factors.pop().indices[order]
        if order is None:
            factors.append(factor)
        elif (order != np.arange(len(order))).any():
            factors.append(ChannelPermutation(order))
    return factors


@pytest.mark.parametrize("chain", CHAINS, ids=repr)
def test_onnx_brings_the_same_chain_back(chain, tmp_path):
    product = random_product(chain, np.random.default_rng(5), np.float32) if chain.convolutions else Product(chain, [])
    path = exported(to_torch(product), torch.zeros(1, chain.in_channels, 8, 8), tmp_path / "chain.onnx")
    network = read_onnx(path)
    assert in_short(rebuilt(network)) == in_short(chain)
    assert network.passed_over == ()
    read = [layer.weight for layer in network.layers if layer.weight is not None]
    assert all(map(np.array_equal, read, product.weights))
    assert network.multiply_adds == multiply_adds(chain, 8, 8)


def test_onnx_notices_another_wiring(tmp_path):
    unpermuted = Chain(igcv1(4, 3).convolutions)
    path = exported(to_torch(unpermuted), torch.zeros(1, 12, 8, 8), tmp_path / "chain.onnx")
    assert rebuilt(read_onnx(path)) == unpermuted != igcv1(4, 3)


@pytest.mark.parametrize(("arguments", "error", "sentence"), [
    ((7,), TypeError, "operand=7 is an int: give a Chain, or a Product"),
    ((random_product(igcv1(2, 2), np.random.default_rng(0), np.complex128),), TypeError, "complex weights"),
])  # fmt: skip
def test_what_is_no_chain_is_refused(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        to_torch(*arguments)


@pytest.mark.parametrize("axes", [0, 3, True, "2", 2.0, np.ones(2), np.zeros(0), np.True_, "2" * 500], ids=str)
def test_other_numbers_of_axes_are_refused(axes):
    for call in (to_torch, lambda _, axes: torch_modules.Permute(interleave(2, 2), axes)):
        with pytest.raises((ValueError, TypeError), match=r"^axes=.{,120}: use 2 for images"):
            call(igcv1(2, 2), axes=axes)


def test_axes_may_be_any_integer_and_a_permutation_only_that():
    assert to_torch(igcv1(2, 2, (1, 3)), axes=np.int8(1))(torch.zeros(1, 4, 8)).shape == (1, 4, 8)
    with pytest.raises(TypeError, match=r"permutation=\[1, 0\] is a list: give a ChannelPermutation"):
        torch_modules.Permute([1, 0])


@pytest.mark.parametrize("chain", [igcv1(2, 2), Chain([GroupConv(2, 2, stride=(2, 1))])])
def test_height_does_not_fit_sequences(chain):
    with pytest.raises(ValueError, match="axes=1 does not fit GroupConv"):
        to_torch(chain, axes=1)


# --- from_torch -----------------------------------------------------------------------------------------------------


class Basic(nn.Module):
    """A residual block, with a projection where shapes change."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, groups=2, bias=False), nn.BatchNorm2d(after),
        )  # fmt: skip
        self.shortcut = nn.Identity() if before == after else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x):
        return torch.relu(self.branch(x) + self.shortcut(x))


def residual():
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, padding=2), Basic(8, 8, 1), Basic(8, 12, 2), nn.MaxPool2d(2), to_torch(igcv3(12, 12)),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(12, 10),
    )  # fmt: skip


def counted_by_hooks(module, shape):
    """Count multiply–adds one call at a time while an image passes: weights times positions."""
    counts = []

    def count(layer, _, output):
        positions = output[0, 0].numel() if isinstance(layer, (nn.Conv1d, nn.Conv2d)) else 1
        counts.append(layer.weight.numel() * positions)

    watched = copy.deepcopy(module).eval()
    for layer in watched.modules():
        if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Linear)):
            layer.register_forward_hook(count)
    with torch.no_grad():
        watched(torch.zeros(1, *shape))
    return sum(counts)


@pytest.mark.parametrize(("module", "shape"), [
    (residual(), (3, 16, 20)),
    (nn.Sequential(nn.Conv1d(2, 4, 5, padding=2), nn.BatchNorm1d(4), to_torch(igcv1(2, 2, (1, 3)), axes=1)), (2, 30)),
    (nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4, bias=False)), (6,)),
], ids=["residual", "sequence", "vector"])  # fmt: skip
def test_counts_are_those_of_the_module(module, shape):
    network = from_torch(module, shape)
    assert network.parameters == sum(weight.numel() for weight in module.parameters())
    assert network.multiply_adds == counted_by_hooks(module, shape)
    assert network.passed_over == ()


def test_counts_are_split_by_kind():
    counts = from_torch(residual(), (3, 16, 16)).counts
    kinds = {nn.Conv2d: 0, nn.BatchNorm2d: 0, nn.Linear: 0}
    biases = 0
    for layer in residual().modules():
        if type(layer) in kinds:
            norm = isinstance(layer, nn.BatchNorm2d)
            kinds[type(layer)] += layer.weight.numel() + (layer.bias.numel() if norm else 0)
            biases += 0 if norm or layer.bias is None else layer.bias.numel()
    assert counts == (kinds[nn.Conv2d], kinds[nn.BatchNorm2d], kinds[nn.Linear], biases)


def test_weights_travel_and_the_module_stays_as_it_is():
    module = residual().train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    network = from_torch(module, (3, 16, 16))
    assert np.array_equal(network.layers[0].weight, module[0].weight.detach().numpy())
    assert all(layer.training for layer in module.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert network.name == "Sequential"


def test_chain_goes_there_and_back():
    chain = igcv2([2, 3, 4])
    assert rebuilt(from_torch(to_torch(chain), (24, 8, 8))) == chain


@pytest.mark.parametrize(("module", "shape", "error", "sentence"), [
    (igcv1(2, 2), (4, 8, 8), TypeError, "is a Chain: give a torch.nn.Module"),
    (nn.Conv2d(3, 8, 3), 224, ValueError, "input_shape=224 is not a shape: give sizes"),
    (nn.Conv2d(3, 8, 3), (3, 8, 8, 8), ValueError, r"Conv2d cannot be run with input_shape=\(3, 8, 8, 8\)"),
    (nn.Conv2d(3, 8, 3), (3, 0, 8), ValueError, r"input_shape\[1\]=0 is below 1"),
    (nn.Conv2d(3, 8, 3), (4, 8, 8), ValueError, r"Conv2d cannot be run with input_shape=\(4, 8, 8\).*give the shape"),
])  # fmt: skip
def test_bad_arguments_are_refused(module, shape, error, sentence):
    with pytest.raises(error, match=sentence):
        from_torch(module, shape)
