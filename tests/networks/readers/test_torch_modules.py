"""Modules of torch.nn as networks: counts by hand, whatever the module does, and the module given back as it was."""

import copy
import random
import sys
import threading
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra torch is not installed")

from torch import nn
from torch.nn.utils import parametrizations

from igc_theory.networks import audit, from_torch
from igc_theory.networks.description.layers import Operator, Shuffle

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def trained(module):
    return sum(parameter.numel() for parameter in module.parameters())


class Called(nn.Module):
    """A module whose forward is a function."""

    def __init__(self, forward, **parts):
        super().__init__()
        self.function = forward
        for name, part in parts.items():
            if isinstance(part, torch.Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, *inputs, **named):
        return self.function(self, *inputs, **named)


def conv(**options):
    return nn.Conv2d(3, 8, 3, **options)


CONV = 8 * 3 * 9

# --- layers: (module, shape, multiply–adds of layers, of activations with activations) ------------------------------

LAYERS = {
    "convolution": (conv(), (3, 8, 8), CONV * 36, 0),
    "convolution, stride and padding": (conv(stride=2, padding=1, bias=False), (3, 8, 8), CONV * 16, 0),
    "convolution, padding in words": (conv(padding="same", dilation=2), (3, 8, 8), CONV * 64, 0),
    "convolution, reflected": (conv(padding=1, padding_mode="reflect"), (3, 8, 8), CONV * 64, 0),
    "convolution of sequences": (nn.Conv1d(2, 6, 5, groups=2), (2, 9), 6 * 5 * 5, 0),
    "convolution of volumes": (nn.Conv3d(2, 4, 3), (2, 4, 5, 6), 4 * 2 * 27 * 2 * 3 * 4, 0),
    "transposed": (nn.ConvTranspose2d(3, 8, 3, stride=2), (3, 5, 5), CONV * 25, 0),
    "linear": (nn.Linear(6, 5), (6,), 30, 0),
    "linear on tokens": (nn.Linear(6, 5, bias=False), (7, 6), 30 * 7, 0),
    "bilinear": (Called(lambda m, x: m.b(x, x), b=nn.Bilinear(4, 4, 5)), (4,), 80, 20),
    "batch norm": (nn.Sequential(conv(), nn.BatchNorm2d(8)), (3, 8, 8), CONV * 36, 0),
    "norms": (nn.Sequential(nn.GroupNorm(2, 8), nn.InstanceNorm2d(8, affine=True), nn.LayerNorm([8, 5, 5])), (8, 5, 5), 0, 0),
    "norms, no weights": (nn.Sequential(conv(), nn.InstanceNorm2d(8), nn.BatchNorm2d(8, affine=False)), (3, 8, 8), CONV * 36, 0),
    "root mean square": (nn.RMSNorm(8), (7, 8), 0, 0),
    "slopes": (nn.Sequential(conv(), nn.PReLU(), nn.PReLU(8)), (3, 8, 8), CONV * 36, 0),
    "lstm": (nn.LSTM(5, 6, 2, batch_first=True, bidirectional=True), (7, 5), 7 * 2 * (24 * 5 + 24 * 6 + 24 * 12 + 24 * 6), 0),
    "gru": (nn.GRU(5, 6, bias=False, batch_first=True), (7, 5), 7 * (18 * 5 + 18 * 6), 0),
    "lstm, projected": (nn.LSTM(5, 6, proj_size=2, batch_first=True), (7, 5), 7 * (24 * 5 + 24 * 2 + 6 * 2), 0),
    "lstm, projected, both ways": (
        nn.LSTM(5, 6, 2, bias=False, proj_size=2, batch_first=True, bidirectional=True), (7, 5),
        7 * 2 * (24 * 5 + 24 * 2 + 6 * 2 + 24 * 4 + 24 * 2 + 6 * 2), 0),
    "attention": (Called(lambda m, x: m.a(x, x, x), a=nn.MultiheadAttention(8, 2, batch_first=True)), (7, 8), 1792, 2 * 49 * 8),
    "encoder": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (7, 8), 7 * (4 * 64 + 2 * 128), 2 * 49 * 8),
    "einsum": (Called(lambda m, x: torch.einsum("bij,jk->bik", x, m.w), w=nn.Parameter(torch.ones(4, 5))), (3, 4), 60, 0),
    "product of activations": (Called(lambda m, x: x @ x.mT), (3, 4), 0, 36),
    "positions": (Called(lambda m, x: m.l(x + m.p), l=nn.Linear(4, 4), p=nn.Parameter(torch.ones(1, 3, 4))), (3, 4), 48, 0),
    "layer scale": (Called(lambda m, x: x + m.g * m.l(x), l=nn.Linear(4, 4), g=nn.Parameter(torch.ones(4))), (3, 4), 48, 0),
    "single numbers": (Called(lambda m, x: m.c(x * m.s), c=conv(), s=nn.Parameter(torch.ones(()))), (3, 8, 8), CONV * 36, 0),
    "channel shuffle": (nn.Sequential(nn.Conv2d(4, 4, 1), nn.ChannelShuffle(2), nn.Conv2d(4, 4, 1)), (4, 5, 5), 800, 0),
    "pixel shuffle": (nn.Sequential(nn.Conv2d(3, 8, 1), nn.PixelShuffle(2)), (3, 4, 4), 24 * 16, 0),
    "pools of several sizes": (nn.Sequential(conv(), nn.AdaptiveAvgPool2d(4)), (3, 8, 8), CONV * 36, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_counted(name):
    module, shape, multiply_adds, of_activations = LAYERS[name]
    network = from_torch(module, shape)
    assert network.passed_over == ()
    assert network.exact
    assert network.parameters == trained(module)
    assert network.multiply_adds == multiply_adds
    assert network.activation_multiply_adds == of_activations


# --- whatever the module does ---------------------------------------------------------------------------------------


def standardized(module, x):
    weight = module.c.weight
    weight = (weight - weight.mean((1, 2, 3), keepdim=True)) / weight.std((1, 2, 3), keepdim=True)
    return nn.functional.conv2d(x, weight, module.c.bias)


def looks_at_numbers(module, x):
    return module.c(x) if float(x.sum()) <= 0 else module.d(x)


def fills_in_place(module, x):
    whole = torch.zeros(1, 8, 36)
    whole[:, :, :] = module.c(x).flatten(2)
    return whole.view(1, 8, 6, 6).relu_()


def computed(weights):
    module = conv()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one of them is the old way
        weights(module)
    return module


COMPUTED = {
    "weight norm": computed(parametrizations.weight_norm),
    "weight norm, the old way": computed(nn.utils.weight_norm),
    "spectral norm": computed(parametrizations.spectral_norm),
    "orthogonal": computed(parametrizations.orthogonal),
    "standardized": Called(standardized, c=conv()),
    "masked": Called(lambda m, x: nn.functional.conv2d(x, m.c.weight * m.mask, m.c.bias), c=conv(), mask=torch.ones(8, 1, 3, 3)),
    "halves": Called(lambda m, x: [nn.functional.conv2d(x, w) for w in m.c.weight.chunk(2)], c=conv(bias=False)),
    "looks at numbers": Called(looks_at_numbers, c=conv()),
    "looks at its own numbers": Called(lambda m, x: m.c(x) if m.on.item() else x, c=conv(), on=torch.ones(())),
    "fills an array": Called(fills_in_place, c=conv()),
    "takes what is positive": Called(lambda m, x: m.c(x + 0 * x[x > 0].sum()), c=conv()),
    "returns a dictionary": Called(lambda m, x: {"out": (m.c(x), [x])}, c=conv()),
    "writes": Called(lambda m, x: (sys.stdout.write("here"), warnings.warn("there", stacklevel=1), m.c(x))[-1], c=conv()),
    "does not forget": Called(lambda m, x: m.seen.append(m.c(x)) or m.seen[-1], c=conv()),
}  # fmt: skip
COMPUTED["does not forget"].seen = []


@pytest.mark.parametrize("name", COMPUTED)
def test_any_module_is_counted_and_nothing_is_written(name, capfd):
    module = COMPUTED[name]
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    network = from_torch(module, (3, 8, 8))
    assert network.multiply_adds == CONV * 36
    assert network.parameters == trained(module)
    assert network.exact is (name not in ("looks at numbers", "takes what is positive"))
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())
    assert getattr(module, "seen", []) == []
    assert capfd.readouterr() == ("", "")


def test_a_module_that_looks_at_its_input_says_so():
    (entry,) = from_torch(Called(looks_at_numbers, c=conv(), d=conv()), (3, 8, 8)).passed_over
    assert (entry.name, entry.operator, entry.parameters) == ("Called", "control flow", 0)
    assert "counted as it runs on zeros" in entry.reason


def test_packed_sequences():
    def packed(module, x):
        return module.l(nn.utils.rnn.pack_padded_sequence(x, [x.shape[1]], batch_first=True))[0].data

    network = from_torch(Called(packed, l=nn.LSTM(5, 6, batch_first=True)), (7, 5))
    assert (network.parameters, network.multiply_adds) == (24 * 13, 7 * 24 * 11)
    assert {entry.operator for entry in network.passed_over} == {"control flow"}  # it looks at the lengths


@pytest.mark.parametrize("call", [
    lambda m, x: m.a @ x, lambda m, x: torch.sparse.mm(m.a, x), lambda m, x: torch.sparse.addmm(x, m.a, x),
    lambda m, x: m.a.to_sparse_csr() @ x, lambda m, x: m.a.t() @ x, lambda m, x: x.T @ m.a.to_sparse_csr(),
])  # fmt: skip
def test_a_sparse_matrix_multiplies_with_the_entries_that_it_stores(call):
    matrix = torch.sparse_coo_tensor([[0, 1, 2, 5], [1, 2, 3, 0]], torch.ones(4), (6, 6))
    network = from_torch(Called(lambda m, x: call(m, x[0]), a=matrix), (6, 8))
    assert (network.multiply_adds, network.activation_multiply_adds, network.exact) == (4 * 8, 0, True)
    assert network.layers[0].weight is None


def test_sparse_matrices_of_any_kind_store_what_they_store():
    blocks = torch.block_diag(torch.ones(2, 2), torch.ones(2, 2), torch.zeros(2, 2)).to_sparse_bsr((2, 2))
    with_zeros_and_a_sum = torch.sparse_coo_tensor([[0, 0, 1, 2], [1, 1, 2, 3]], torch.tensor([1.0, -1, 0, 3]), (6, 6))
    for matrix, stored in ((blocks, 8), (with_zeros_and_a_sum, 4), (blocks.to_dense(), 36)):
        network = from_torch(Called(lambda m, x: m.a @ x[0], a=matrix), (6, 8))
        assert (network.multiply_adds, network.exact) == (stored * 8, True)


def test_a_product_with_a_vector_is_audited():
    """The vector is what depends on the input; the product has an axis less than a matrix."""
    module = Called(lambda m, x: m.l(x[0] + (m.a @ x[0, :, 0])[:, None]), a=torch.ones(6, 6), l=nn.Linear(8, 4))
    assert audit(from_torch(module, (6, 8))).network.multiply_adds == 36 + 6 * 8 * 4


def calls_of(task):
    """Return how many calls of functions a task takes: its time, on any machine."""
    count = [0]
    sys.setprofile(lambda *_: count.__setitem__(0, count[0] + 1))
    try:
        task()
    finally:
        sys.setprofile(None)
    return count[0]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_long_sequences_take_no_longer(kind):
    """2,000 steps of an LSTM took more than a minute, as PyTorch goes through them one by one."""
    layer = kind(5, 6, batch_first=True)
    from_torch(layer, (7, 5))  # whatever is imported on the first call
    short, long = (calls_of(lambda steps=steps: from_torch(layer, (steps, 5))) for steps in (7, 50))
    assert long < 1.5 * short


CELLS = {nn.LSTMCell: (nn.LSTM, 4), nn.GRUCell: (nn.GRU, 3), nn.RNNCell: (nn.RNN, 1)}
"""The layer whose step each is, and its gates."""


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bias", [True, False])
def test_a_cell_costs_what_a_step_of_its_layer_does(cell, bias):
    layer, gates = CELLS[cell]
    network, whole = from_torch(cell(5, 6, bias=bias), (5,)), from_torch(layer(5, 6, bias=bias), (1, 5))
    weights = gates * 6 * (5 + 6)
    assert (network.multiply_adds, network.parameters, network.exact) == (weights, weights + 12 * gates * bias, True)
    assert (whole.multiply_adds, whole.parameters) == (network.multiply_adds, network.parameters)


@pytest.mark.parametrize("look", [False, True])
def test_a_cell_multiplies_a_state_of_its_own(look):
    """The first state is zeros, or trained; a module that looks at its input is read on zeros, not on shapes."""

    def unrolled(module, x):
        state = module.first.expand(len(x), 6) if hasattr(module, "first") else None
        if look and float(x.sum()) > 0:
            return x
        for step in x.unbind(1):
            state = module.c(step, state)
        return state

    step = 3 * 6 * (5 + 6)
    without = from_torch(Called(unrolled, c=nn.GRUCell(5, 6)), (7, 5))
    trained_too = from_torch(Called(unrolled, c=nn.GRUCell(5, 6), first=nn.Parameter(torch.ones(6))), (7, 5))
    assert (without.multiply_adds, trained_too.multiply_adds) == (7 * step, 7 * step)
    assert trained_too.parameters - without.parameters == 6
    assert [layer.counts.total for layer in trained_too.layers if layer.node == Operator("stored numbers")] == [6]
    assert without.exact is trained_too.exact is not look


def test_a_layer_that_is_called_twice_holds_its_weights_once():
    module = Called(lambda m, x: m.l(m.l(x)), l=nn.Linear(4, 4))
    network = from_torch(module, (4,))
    assert (network.parameters, network.multiply_adds) == (20, 32)
    assert [layer.counts.total for layer in network.layers] == [20, 20]


def test_tied_weights_are_counted_once():
    module = Called(lambda m, x: m.out(m.embedding(x)), embedding=nn.Embedding(10, 4), out=nn.Linear(4, 10, bias=False))
    module.out.weight = module.embedding.weight
    network = from_torch(module, (7,), dtype="int64")
    assert (network.parameters, network.multiply_adds) == (40, 7 * 40)


@pytest.mark.parametrize("call", [
    lambda x: x + x, lambda x: x * 2, lambda x: x.mT + x[:, :, :1], lambda x: x.softmax(-1), lambda x: x.softmax(-1, torch.float64),
    lambda x: x / x.double(), lambda x: nn.functional.layer_norm(x, (4,)), lambda x: nn.functional.linear(x.mT, x[0]),
    lambda x: nn.functional.linear(x, torch.ones(5, 4)), lambda x: nn.functional.gelu(x).int() + 1, lambda x: 1 - x,
    lambda x: nn.functional.batch_norm(x.double(), None, None, training=True), lambda x: torch.relu(x.mT).contiguous(),
    lambda x: nn.LSTM(4, 3, 2, bidirectional=True, batch_first=True)(x)[0], lambda x: nn.LSTM(4, 3, 2, proj_size=2)(x)[1][0],
    lambda x: nn.LSTM(4, 3, 2, proj_size=2)(x)[1][1], lambda x: nn.RNN(4, 3, bidirectional=True)(x)[1],
])  # fmt: skip
def test_shapes_and_types_are_those_of_a_run(call):
    seen = []
    from_torch(Called(lambda _, x: seen.append(call(x))), (4, 4))
    right = call(torch.ones(1, 4, 4))
    assert (seen[0].is_meta, seen[0].shape, seen[0].dtype, seen[0].stride()) == (
        True,
        right.shape,
        right.dtype,
        right.stride(),
    )


def test_what_is_never_called_is_counted_and_listed():
    module = Called(lambda m, x: m.used(x), used=nn.Linear(4, 4), head=nn.Linear(4, 9))
    network = from_torch(module, (4,))
    assert network.parameters == 20 + 45
    assert network.multiply_adds == 16
    assert {layer.name for layer in network.layers if layer.kind == "parameter of no layer"} == {
        "head.weight",
        "head.bias",
    }


def test_filters_in_buffers_are_no_parameters():
    module = Called(lambda m, x: nn.functional.conv2d(x, m.blur, groups=3), blur=torch.ones(3, 1, 3, 3))
    network = from_torch(module, (3, 8, 8))
    assert (network.parameters, network.buffers, network.multiply_adds) == (0, 27, 27 * 36)


LEARNED = {
    "bounds": Called(lambda m, x: x.clamp(m.low, m.high), low=nn.Parameter(-torch.ones(4)), high=nn.Parameter(torch.ones(4))),
    "a threshold": Called(lambda m, x: x * (x > m.t), t=nn.Parameter(torch.zeros(4))),
    "places": Called(lambda m, x: nn.functional.grid_sample(x[..., None], m.p), p=nn.Parameter(torch.zeros(1, 5, 2, 2))),
    "prototypes": Called(lambda m, x: torch.cosine_similarity(x, m.p, 2), p=nn.Parameter(torch.ones(1, 6, 4))),
    "ones and zeros behind a reshape": nn.Sequential(nn.Unflatten(1, (2, 3)), nn.InstanceNorm2d(2, affine=True)),
}  # fmt: skip


@pytest.mark.parametrize("name", LEARNED)
def test_what_a_module_trains_is_a_parameter_whatever_it_is_used_for(name):
    network = from_torch(LEARNED[name], (6, 4))
    assert (network.parameters, network.buffers, network.exact) == (trained(LEARNED[name]), 0, True)


@pytest.mark.parametrize(("module", "shape", "multiply_adds"), [
    (conv(), (3, 8, 8), CONV * 36),
    (nn.Conv1d(2, 6, 5, groups=2), (2, 9), 6 * 5 * 5),
    (nn.ConvTranspose2d(3, 8, 3), (3, 5, 5), CONV * 25),
    (nn.Linear(6, 5), (7, 6), 7 * 30),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_modules_read_complex_numbers(module, shape, multiply_adds, dtype):
    of_complex, seen = copy.deepcopy(module).to(dtype), []
    of_complex.register_forward_pre_hook(lambda _, read: seen.append(read[0].dtype))
    network = from_torch(of_complex, shape)
    assert (network.multiply_adds, network.parameters, network.exact) == (multiply_adds, trained(module), True)
    assert seen == [dtype]


def test_modules_with_complex_weights_may_read_real_numbers():
    def filtered(module, x):
        return module.l(torch.fft.irfft(torch.fft.rfft(x) * module.w, n=6))

    weight = nn.Parameter(torch.ones(4, dtype=torch.complex64))
    assert from_torch(Called(filtered, w=weight, l=nn.Linear(6, 5)), (6,)).multiply_adds == 30
    assert from_torch(Called(lambda m, x: filtered(m, x), w=weight, l=nn.Identity()), (6,)).parameters == 4


@pytest.mark.parametrize("dtype", [None, "int64", "int32"])
def test_tokens(dtype):
    module = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 3))
    network = from_torch(module, (7,), dtype=dtype)
    assert (network.parameters, network.multiply_adds, network.exact) == (55, 7 * 12, True)


@pytest.mark.parametrize("shapes", [((3, 8, 8), (4,)), {"y": (4,), "x": (3, 8, 8)}])
def test_several_inputs(shapes):
    module = Called(lambda m, x, y: m.c(x).mean((2, 3)) * m.l(y), c=conv(), l=nn.Linear(4, 8))
    network = from_torch(module, shapes)
    assert (network.multiply_adds, network.parameters) == (CONV * 36 + 32, trained(module))


@pytest.mark.parametrize("how", ["script", "trace"])
def test_scripted_modules(how):
    plain = nn.Sequential(conv(), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 5)).eval()
    made = torch.jit.script(plain) if how == "script" else torch.jit.trace(plain, torch.zeros(1, 3, 8, 8))
    network = from_torch(made, (3, 8, 8))
    assert (network.parameters, network.multiply_adds, network.exact) == (trained(plain), CONV * 36 + 1440, True)


def test_modules_of_core_operators():
    plain = nn.Sequential(
        conv(), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(2), nn.Flatten(2), nn.InstanceNorm1d(8), nn.Softmax(2)
    )
    exported = torch.export.export(plain.eval(), (torch.zeros(1, 3, 8, 8),)).run_decompositions()
    assert "_native_batch_norm_legit_no_training" in exported.graph_module.code
    network = from_torch(exported.module(), (3, 8, 8))
    assert (network.parameters, network.multiply_adds, network.exact) == (trained(plain), CONV * 36, True)


@pytest.mark.parametrize("pooled", [nn.EmbeddingBag(10, 4), nn.Sequential(nn.Embedding(10, 4), nn.LogSoftmax(1))])
def test_tables_of_core_operators(pooled):
    exported = torch.export.export(pooled.eval(), (torch.zeros(1, 7, dtype=torch.int64),)).run_decompositions()
    network = from_torch(exported.module(), (7,), dtype="int64")
    assert (network.parameters, network.multiply_adds, network.exact) == (40, 0, True)


def test_maxima_are_put_back_where_they_were():
    module = Called(
        lambda m, x: m.u(*m.p(m.c(x))), c=conv(), p=nn.MaxPool2d(2, return_indices=True), u=nn.MaxUnpool2d(2)
    )
    network = from_torch(module, (3, 8, 8))
    assert (network.multiply_adds, network.exact) == (CONV * 36, True)


def test_modules_without_numbers():
    with torch.device("meta"):
        module = nn.Sequential(conv(), nn.Flatten(), nn.Linear(288, 5))
    network = from_torch(module, (3, 8, 8))
    assert (network.parameters, network.multiply_adds, network.has_weights) == (
        trained(module),
        CONV * 36 + 1440,
        False,
    )


def test_weights_are_those_of_the_module_and_names_too():
    module = nn.Sequential(conv(), nn.Flatten(), nn.Linear(288, 5))
    first, second = [layer for layer in from_torch(module, (3, 8, 8)).layers if layer.multiply_adds]
    assert (first.name, second.name) == ("0", "2")
    assert np.shares_memory(first.weight, module[0].weight.detach().numpy())
    np.testing.assert_array_equal(second.weight, module[2].weight.detach().numpy())
    with pytest.raises(ValueError, match="read-only"):
        first.weight[...] = 0


def test_weights_that_are_computed_are_given_as_computed():
    module = Called(standardized, c=conv())
    weight = from_torch(module, (3, 8, 8)).layers[0].weight
    np.testing.assert_allclose(weight.mean((1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(weight.std((1, 2, 3), ddof=1), 1, atol=1e-5)


@pytest.mark.parametrize("module", [
    nn.ChannelShuffle(3),
    Called(lambda m, x: x[:, [0, 2, 4, 1, 3, 5]]),
    Called(lambda m, x: x.unflatten(1, (3, 2)).transpose(1, 2).flatten(1, 2)),
    Called(lambda m, x: torch.cat([x[:, k::2] for k in range(2)], 1)),
], ids=["shuffle", "index", "reshape", "slices"])  # fmt: skip
def test_channel_orders_are_found(module):
    image = torch.arange(6.0).reshape(1, 6, 1, 1)
    network = from_torch(nn.Sequential(nn.Conv2d(6, 6, 1), module, nn.Conv2d(6, 6, 1)), (6, 1, 1))
    (found,) = [layer.node.permutation for layer in network.layers if isinstance(layer.node, Shuffle)]
    assert list(found.indices) == module(image).flatten().tolist()


def test_an_operator_that_nobody_knows_is_said_to_be_passed_over():
    network = from_torch(Called(lambda m, x: torch.fft.rfft(m.l(x)).abs(), l=nn.Linear(4, 4)), (4,))
    assert not network.exact
    assert any("fft" in entry.operator for entry in network.passed_over)


@pytest.mark.filterwarnings("ignore")
def test_packed_quantized_weights_are_said_to_be_held_once():
    module = Called(lambda m, x: m.l(m.l(x)), l=nn.Linear(8, 8))
    network = from_torch(torch.ao.quantization.quantize_dynamic(module, {nn.Linear}, dtype=torch.qint8), (8,))
    assert [entry.parameters for entry in network.passed_over] == [8 * 8 + 8, 0]
    assert not network.exact


# --- given back as it was -------------------------------------------------------------------------------------------


def changes_itself(module, x):
    module.calls += 1
    module.count.add_(1)
    module.cache["last"] = module.c(x)
    module.mean = module.cache["last"].mean()
    module.running[:] = module.mean
    random.random(), np.random.rand(), torch.rand(3)  # noqa: NPY002  # as code that is read may
    return module.norm(module.cache["last"])


@pytest.mark.parametrize("looks", [False, True])
def test_the_module_is_given_back_as_it_was(looks):
    module = Called(lambda m, x: changes_itself(m, x) if not looks or x.sum() == 0 else x, c=conv(), norm=nn.BatchNorm2d(8),
                    count=torch.zeros(()), running=torch.zeros(4))  # fmt: skip
    module.calls, module.cache, module.lock = 0, {}, threading.Lock()
    hook = module.c.register_forward_hook(lambda *_: None)
    module.c(torch.zeros(1, 3, 8, 8)).sum().backward()
    module.train()
    module.norm.eval()
    before = {
        key: (tensor, tensor.clone(), tensor._version) for key, tensor in module.state_dict(keep_vars=True).items()
    }
    attributes, states = dict(vars(module)), (random.getstate(), np.random.rand, torch.get_rng_state())
    assert from_torch(module, (3, 8, 8)).parameters == trained(module)
    for key, tensor in module.state_dict(keep_vars=True).items():
        assert tensor is before[key][0]
        assert torch.equal(tensor, before[key][1])
        assert tensor._version == before[key][2]
    assert vars(module) == attributes
    assert (module.training, module.c.training, module.norm.training) == (True, True, False)
    assert (module.calls, module.cache) == (0, {})
    assert module.c.weight.grad is not None
    assert module.c.weight.requires_grad
    assert list(module.c._forward_hooks) == [hook.id]
    assert (random.getstate(), np.random.rand, torch.get_rng_state().tolist()) == (*states[:2], states[2].tolist())
    assert torch.is_grad_enabled()
    assert torch.backends.mha.get_fastpath_enabled()


def test_no_weight_is_copied_while_it_runs():
    module, seen = nn.Linear(2000, 2000), []
    module.register_forward_hook(lambda part, _, output: seen.append((part.weight is weight, output.is_meta)) and None)
    weight = module.weight
    from_torch(module, (2000,))
    assert seen == [(True, True)]


# --- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("module", "arguments", "sentence"), [
    (nn.LazyLinear(4), ((3,),), "'weight', which has no shape before the first call: call the module once"),
    (conv(), ((3, 8, 8), "float23"), "dtype='float23' is not a type of PyTorch's numbers"),
    (conv(), ((),), r"input_shape=\(\) is not a shape"),
    (conv(), ({},), "input_shape={} names no input: give the shape of each by its name in the module's forward"),
    (conv(), ("3" * 5000,), r"^input_shape='3+\.\.\.3+' is not a shape"),
    (conv(), ((3, 8, 8), "f" * 5000), r"^dtype='f+\.\.\.f+' is not a type"),
    (conv(), ({"image": (3, 8, 8)},), "Conv2d cannot be run with input_shape"),
    (conv(), ((3, 8, 8), "complex64"), r"input_shape=\(3, 8, 8\), dtype='complex64'.*the type of its numbers"),
    (conv(), ([(3, 8, 8)], ["float32", "int64"]), "does not fit the inputs of input_shape, which are 1: give one type"),
    (conv(), ({"input": (3, 8, 8)}, {"inputs": "float32"}), "inputs of input_shape, which are 'input': give one type"),
])  # fmt: skip
def test_what_cannot_be_read_is_refused(module, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        from_torch(module, arguments[0], **({"dtype": arguments[1]} if len(arguments) > 1 else {}))


@pytest.mark.parametrize("left", [
    lambda x: torch.from_numpy(x.detach().numpy() * 2),
    lambda x: torch.tensor(x.tolist()),
    lambda x: torch.tensor(np.asarray(x)),
])  # fmt: skip
def test_numbers_that_leave_pytorch_are_said_to_be_looked_at(left):
    module = Called(lambda self, x: self.layer(left(x)), layer=nn.Linear(8, 8))
    found = from_torch(module, (8,))
    assert [(entry.operator, entry.reason[:35]) for entry in found.passed_over] == [
        ("control flow", "its code looks at numbers that depe")
    ]
    own = Called(lambda self, x: self.layer(x * self.scale.tolist()[0]), layer=nn.Linear(8, 8), scale=torch.ones(1))
    assert from_torch(own, (8,)).exact


def test_states_of_an_earlier_call_are_said_to_be_constants():
    def step(self, x):
        self.seen, former = self.layer(x), self.state
        self.state = self.seen if former is None else self.other(former[0]) + self.seen, 0
        return self.state[0]

    module = Called(step, layer=nn.Linear(8, 8), other=nn.Linear(8, 8), state=None, seen=None)
    module.state = (torch.ones(1, 8), 0)
    found = from_torch(module, (8,))
    assert [(entry.operator, entry.reason[:21]) for entry in found.passed_over] == [("state", "it goes on from state")]
    module.state, module.seen = None, torch.ones(1, 8)  # what is written and never read is no state
    assert from_torch(module, (8,)).exact
    module.state, module.fixed = None, torch.ones(1, 8)
    module.function = lambda self, x: self.layer(x + self.fixed)
    assert from_torch(module, (8,)).exact


def test_a_matrix_without_entries_multiplies_nothing():
    module = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])
    found = from_torch(Called(lambda self, x: self.part.log_prob(x), part=module), (8,))
    assert (found.parameters, found.multiply_adds) == (trained(module), 8 * 7 + 8 * 2 + 2 * 5)


def test_a_branch_by_an_operator_counts_as_one_by_an_if():
    def branching(condition):
        def forward(self, x):
            once, twice = (lambda x: self.l(x)), (lambda x: self.l(self.l(x)))
            return torch.cond(condition(self, x), once, twice, (x,))

        return Called(forward, l=nn.Linear(4, 4), on=torch.ones(()))

    own, of_input = branching(lambda self, x: self.on > 0), branching(lambda self, x: x.sum() > 0)
    assert (from_torch(own, (4,)).multiply_adds, from_torch(own, (4,)).exact) == (16, True)
    found = from_torch(of_input, (4,))
    assert (found.multiply_adds, found.parameters) == (2 * 16, trained(of_input))
    assert [entry.operator for entry in found.passed_over] == ["control flow"]


def test_functions_that_an_operator_calls_are_not_taken_for_a_wrong_shape():
    def looping(self, x):
        def step(i, x):
            return i + 1, self.l(x)

        return torch._higher_order_ops.while_loop(lambda i, x: i < 3, step, (torch.tensor(0), x))[1]

    with pytest.raises(ValueError, match=r"while_loop calls functions.*: export it to ONNX"):
        from_torch(Called(looping, l=nn.Linear(4, 4)), (4,))


def test_derivatives_are_not_taken_for_a_wrong_shape():
    def force(self, x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(self.l(x).sum(), x)[0]

    with pytest.raises(ValueError, match=r"it takes derivatives.*: export it to ONNX"):
        from_torch(Called(force, l=nn.Linear(4, 1)), (4,))


def test_a_vector_is_added_to_a_product():
    module = Called(lambda m, x: torch.addmv(m.v, m.w, x[0]), v=torch.ones(5), w=torch.ones(5, 7))
    network = from_torch(module, (7,))
    assert (network.multiply_adds, network.exact) == (35, True)


def test_operators_of_torchvision():
    ops = pytest.importorskip("torchvision.ops")

    def forward(m, x):
        bent = m.d(x, m.o(x), m.m(x))
        kept = ops.nms(m.boxes[:, 1:], m.boxes[:, 0], 0.5)
        return m.l(ops.roi_align(bent, m.boxes[kept], (2, 2)).flatten(1))

    parts = {"o": nn.Conv2d(8, 18, 3, padding=1), "m": nn.Conv2d(8, 9, 3, padding=1), "l": nn.Linear(48, 5)}
    boxes = torch.tensor([[0, 0, 0, 4.0, 4], [0, 5, 5, 9, 9]])  # of an image, and apart
    module = Called(forward, **parts, d=ops.DeformConv2d(8, 12, 3, padding=1, groups=2), boxes=boxes)
    network = from_torch(module, (8, 10, 10))
    per_pixel = 9 * (8 * 18 + 8 * 9 + 8 * 12 // 2)
    assert network.passed_over == ()
    assert (network.multiply_adds, network.parameters) == (100 * per_pixel + 2 * 48 * 5, trained(module))


@pytest.mark.parametrize(("value", "way_out"), [
    ("model.onnx", "is a str: give a torch.nn.Module, or read the file with read_onnx"),
    (nn.Linear, r"is a type: give an instance, such as Linear\(…\)"),
    (torch.export.export(nn.Linear(3, 4), (torch.zeros(1, 3),)), r"is an ExportedProgram: give .* its \.module\(\)"),
])  # fmt: skip
def test_what_is_no_module_is_told_what_to_give(value, way_out):
    with pytest.raises(TypeError, match=way_out):
        from_torch(value, (3,))


@pytest.mark.parametrize("dtype", [torch.float64, np.dtype("float64"), "float64", "torch.float64"])
def test_types_of_numbers_in_any_form(dtype):
    assert (
        from_torch(conv().double(), (3, 8, 8), dtype=dtype).multiply_adds == from_torch(conv(), (3, 8, 8)).multiply_adds
    )
    with pytest.raises(TypeError, match=r"dtype=5 is an int: give 'float32', 'int64', 'bool'"):
        from_torch(conv(), (3, 8, 8), dtype=5)
