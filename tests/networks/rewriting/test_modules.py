"""Rewritten PyTorch modules: the dense kernels of the substitutes in the old layers are the oracle."""

import copy
import threading
import warnings
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra torch is not installed")

from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from igc_theory import networks
from igc_theory.budget.latency import LatencyTable, Timed, Work, operator_time
from igc_theory.networks import from_torch
from igc_theory.networks.rewriting.candidates.candidates import candidates
from igc_theory.networks.rewriting.torch_networks import Select, _module
from igc_theory.networks.rewriting.torch_sight import convolution_of
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

rewrite = partial(networks.rewrite, reorder=False, progress=False)  # orders of channels are looked for once below

LAYERS = {
    "3×3": (lambda: nn.Conv2d(8, 12, 3, padding=1), (2, 8, 7, 6)),
    "no padding, strided": (lambda: nn.Conv2d(8, 8, (3, 2), stride=(2, 1), bias=False), (2, 8, 7, 6)),
    "dilated, reflected": (lambda: nn.Conv2d(8, 8, 3, padding=2, dilation=2, padding_mode="reflect"), (1, 8, 9, 8)),
    "same": (lambda: nn.Conv2d(8, 8, (3, 5), padding="same"), (1, 8, 6, 6)),
    "grouped": (lambda: nn.Conv2d(8, 12, 3, padding=1, groups=2), (1, 8, 6, 6)),
    "pointwise, strided": (lambda: nn.Conv2d(8, 12, 1, stride=2), (1, 8, 5, 5)),
    "one image": (lambda: nn.Conv2d(8, 12, 3, padding=1), (8, 5, 5)),
    "sequence": (lambda: nn.Conv1d(8, 12, 5, padding=2, stride=2), (2, 8, 11)),
    "linear": (lambda: nn.Linear(8, 12), (3, 4, 8)),
    "linear, one vector": (lambda: nn.Linear(8, 12, bias=False), (8,)),
    "double": (lambda: nn.Linear(8, 12).double(), (3, 8)),
}


@pytest.mark.parametrize("case", LAYERS)
def test_every_substitute_computes_what_its_dense_kernel_does(case):
    torch.manual_seed(0)
    make, shape = LAYERS[case]
    layer = make()
    conv = convolution_of(layer)
    weight = layer.weight.detach().double().numpy().reshape(conv.out_channels, conv.in_width, *conv.window)
    x = torch.randn(shape, dtype=layer.weight.dtype)
    options = {
        one.family: one
        for one in candidates(weight, conv, reorder=case == "pointwise, strided")
        if one.family != "keep"
    }
    assert len(options) >= (1 if case == "grouped" else 5)
    for candidate in options.values():
        oracle, made = copy.deepcopy(layer), _module(layer, candidate.substitute)
        kernel = candidate.substitute.kernel(conv.in_channels)
        rows = conv.out_width
        blocks = [kernel[k, k // rows * conv.in_width :][: conv.in_width] for k in range(conv.out_channels)]
        with torch.no_grad():
            oracle.weight.copy_(torch.tensor(np.stack(blocks)).reshape(oracle.weight.shape))
            assert torch.allclose(made(x), oracle(x), atol=1e-5), candidate.name
        assert {one.dtype for one in made.parameters()} == {layer.weight.dtype}
        bias = 0 if layer.bias is None else layer.bias.numel()
        assert sum(one.numel() for one in made.parameters()) == candidate.parameters + bias


@pytest.mark.parametrize("case", LAYERS)
def test_costs_are_those_of_the_layers_that_run(case):
    """PyTorch's own counter, and hooks that see the sizes of the images, are the oracles."""
    make, shape = LAYERS[case]
    layer = make()
    x = torch.randn(shape, dtype=layer.weight.dtype)
    (dense,) = rewrite(nn.Sequential(layer), 1.0, inputs=x).choices.layers
    single = shape if case in ("one image", "linear, one vector") else (1, *shape[1:])
    for candidate in dense.candidates(reorder=False):
        made = _module(layer, candidate.substitute)
        products, times = ran(made, torch.zeros(single, dtype=x.dtype))
        assert dense.cost(candidate, "multiply_adds") == candidate.multiply_adds == products, candidate.name
        if not any(isinstance(part, Select) for part in made.modules()):  # shuffles take time, too
            assert dense.cost(candidate, "latency", TABLE) == pytest.approx(times), candidate.name


TABLE = LatencyTable(
    {"runtime": "an example"},
    [
        Timed(Chain([GroupConv(into, out, 1, k)]), side, side, 1e-3 * k**2 * into * out * side**2 + into * side**2)
        for k in (1, 3)
        for into in (8, 64)
        for out in (8, 64)
        for side in (4, 9)
    ],
)


def ran(module, x):
    """Return the multiply–adds of a module on an image, and the milliseconds that a table predicts for its convolutions."""
    times = []

    def note(part, given, y):
        if isinstance(part, nn.Linear):
            conv, products = GroupConv(part.in_features, part.out_features), part.weight.numel() * y[..., 0].numel()
        else:
            conv = convolution_of(part)
            products = part.weight.numel() * y.numel() // part.out_channels
        work = Work(conv.kind, conv.groups, products, given[0].numel(), y.numel())
        times.append(operator_time(TABLE, work))

    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Conv1d, nn.Conv2d)):
            part.register_forward_hook(note)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    return counter.get_total_flops() // 2, sum(times)


def test_the_budget_of_a_layer_without_padding_is_kept():
    """The pointwise factor in front of the window works on the whole image, not on as much as the window writes."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Conv2d(16, 16, 5, bias=False))
    weight = np.einsum("orhw,ri->oihw", rng.standard_normal((16, 2, 5, 5)), rng.standard_normal((2, 16)))
    net[0].weight.data = torch.tensor(weight, dtype=torch.float32)
    for budget in (14_000, 15_000):
        found = rewrite(net, budget, objective="multiply_adds", inputs=torch.randn(4, 16, 8, 8))
        assert found.cost == from_torch(found.model, (16, 8, 8)).multiply_adds <= budget


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(4, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1, stride=2)
        )
        self.twice = nn.Conv2d(16, 16, 1)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.body(x).relu()
        return self.head(self.twice(self.twice(x).relu()).mean((2, 3)))


@pytest.fixture
def net():
    torch.manual_seed(0)
    made = Net()
    with torch.no_grad():
        made.body[1].running_var.copy_(torch.linspace(0.5, 2, 16))
    return made


def test_a_module_is_rewritten_within_its_budget_and_measured(net):
    x = torch.randn(20, 4, 6, 6)
    state, training = copy.deepcopy(net.state_dict()), net.training
    found = rewrite(net, 0.5, inputs=x)
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert net.training == training == found.model.training
    assert found.cost <= 0.5 * found.choices.before == 16 * (16 * 36 + 16 * 144 + 256 + 160)
    assert sum(p.numel() for p in found.model.parameters()) < sum(p.numel() for p in net.parameters())
    net.eval(), found.model.eval()
    with torch.no_grad():
        old, new = net(x), found.model(x)
    assert found.measured.error == pytest.approx(float((new - old).norm() / old.norm()), rel=1e-3)
    assert found.choices.layers[2].name == "twice"
    assert found.choices.layers[2].places == (((3, 3), (3, 3)),) * 2
    assert np.allclose(found.choices.layers[0].scales, 1 / np.sqrt(np.linspace(0.5, 2, 16) + 1e-5))
    new.sum() if new.requires_grad else found.model(x).sum().backward()
    assert all(p.grad is not None for p in found.model.parameters())


class Branching(nn.Module):
    """Its path depends on the image: it cannot be traced without one."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return self.body(x) if x.sum() > 0 else self.body(-x)


def test_a_normalisation_weighs_the_errors_without_inputs_too(net):
    """Inputs show by what is written where; tracing shows what follows what. Both find the same scales."""
    blind, seeing = rewrite(net, 0.5).choices.layers, rewrite(net, 0.5, inputs=torch.randn(9, 4, 6, 6)).choices.layers
    assert [(one.name, one.scales is None) for one in blind] == [(one.name, one.scales is None) for one in seeing]
    assert np.allclose(blind[0].scales, seeing[0].scales)
    values = np.linalg.svd(blind[0].scales[:, None] * blind[0].weight.reshape(16, 36), compute_uv=False)
    errors = {one.name: one.relative_error for one in blind[0].candidates(reorder=False)}
    assert errors["low rank, rank 3"] == pytest.approx(np.sqrt((values[3:] ** 2).sum() / (values**2).sum()), rel=1e-5)


@pytest.mark.parametrize(("make", "shape", "is_known"), [
    (lambda conv, norm: nn.Sequential(conv, norm), (9, 4, 6, 6), True),
    (lambda conv, norm: nn.Sequential(conv, nn.ReLU(), norm), (9, 4, 6, 6), False),
    (lambda conv, norm: nn.Sequential(conv, nn.BatchNorm2d(16, affine=False)), (9, 4, 6, 6), True),
    (lambda conv, norm: nn.Sequential(conv, nn.BatchNorm2d(16, track_running_stats=False)), (9, 4, 6, 6), False),
    (lambda conv, norm: nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16)), (9, 8), True),
    (lambda conv, norm: nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(5)), (9, 5, 8), False),
])  # fmt: skip
def test_which_normalisations_scale_outputs(make, shape, is_known):
    module = make(nn.Conv2d(4, 16, 3), nn.BatchNorm2d(16))
    for inputs in (None, torch.randn(shape)):
        (layer,) = rewrite(module, 0.5, inputs=inputs).choices.layers
        assert (layer.scales is not None) == is_known


def test_where_only_zeros_are_read_the_weights_count():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16))
    net[0].bias.data.zero_()
    blind, seeing = rewrite(net, 0.5), rewrite(net, 0.5, inputs=torch.zeros(9, 16))
    assert seeing.errors == pytest.approx(blind.errors)
    assert min(seeing.errors) > 0.1


def test_what_changes_a_tensor_between_a_layer_and_a_normalisation_parts_them():
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(16)
    norm.weight.data = torch.logspace(-2, 2, 16)
    x, conv = torch.randn(9, 4, 6, 6), nn.Conv2d(4, 16, 3)
    inside, apart = (rewrite(nn.Sequential(conv, nn.ReLU(inplace=flag), norm), 0.5, inputs=x) for flag in (True, False))
    assert [found.choices.layers[0].scales for found in (inside, apart)] == [None, None]
    assert inside.errors == pytest.approx(apart.errors)


def test_a_layer_in_front_of_two_normalisations_is_scaled_by_none():
    conv, (first, second) = nn.Conv2d(16, 16, 1), (nn.BatchNorm2d(16) for _ in range(2))
    second.weight.data = torch.logspace(-2, 2, 16)
    for inputs in (None, torch.randn(9, 16, 6, 6)):
        (layer,) = rewrite(nn.Sequential(conv, first, conv, second), 0.5, inputs=inputs).choices.layers
        assert layer.scales is None


class Naming(nn.Module):
    """It calls its layer by keyword, and keeps what it has read."""

    def __init__(self):
        super().__init__()
        self.layer, self.read = nn.Linear(16, 16), None

    def forward(self, x):
        self.read = x
        return self.layer(input=x)


def test_a_layer_may_be_called_by_keyword_and_nothing_is_left_behind():
    net, x = Naming(), torch.randn(64, 16)
    net.layer.weight.data = torch.block_diag(*torch.randn(4, 4, 4))
    for inputs in (None, x):
        found = rewrite(net, 0.3, inputs=inputs)
        assert found.model.read is None
        with torch.no_grad():
            assert torch.allclose(found.model(x), net(x), atol=1e-5)
        net.read = None
    assert found.measured.error < 1e-5


class Changing(nn.Module):
    """It changes what it reads, and itself."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 16)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x, *others):
        self.calls += 1
        for other in others:
            other["y"].zero_()
        return self.layer(x.sub_(0.5).div_(0.25))


@pytest.mark.parametrize("others", [(), ({"y": torch.ones(3)},)], ids=["one", "nested"])
def test_a_module_may_change_its_inputs_and_itself_in_place(others):
    torch.manual_seed(0)
    net, x = Changing(), torch.randn(64, 16)
    before = copy.deepcopy((x, *others))
    found = rewrite(net, 0.7, inputs=(x, *others))
    assert torch.equal(x, before[0])
    assert all(torch.equal(one["y"], other["y"]) for one, other in zip(others, before[1:], strict=True))
    assert found.model.calls == net.calls == 0
    with torch.no_grad():
        old, new = net(x.clone()), found.model(x.clone())
    assert found.measured.error == pytest.approx(float((new - old).norm() / old.norm()), rel=1e-3)


def test_a_normalisation_of_as_many_positions_as_outputs_scales_none():
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(16)
    norm.running_var.copy_(torch.linspace(0.1, 9, 16))
    for layer, shape, is_known in (
        (nn.Linear(8, 16), (5, 8), True),
        (nn.Linear(8, 16), (5, 16, 8), False),
        (nn.Conv1d(8, 16, 1), (5, 8, 16), True),
        (nn.Conv1d(8, 16, 1), (8, 16), False),
    ):
        (dense,) = rewrite(nn.Sequential(layer, norm), 1.0, inputs=torch.randn(shape)).choices.layers
        assert (dense.scales is not None) == is_known, (layer, shape)


def test_a_module_that_cannot_be_traced_is_rewritten_by_its_weights(net):
    first = rewrite(Branching(net), 0.5).choices.layers[0]
    assert (first.name, first.scales) == ("body.body.0", None)
    assert rewrite(Branching(net), 0.5, inputs=torch.rand(9, 4, 6, 6)).choices.layers[0].scales is not None


def test_with_the_whole_budget_nothing_changes_to_the_bit(net):
    x = torch.randn(2, 4, 6, 6)
    found = rewrite(net, 1.0)
    assert found.replaced == 0
    net.eval(), found.model.eval()
    assert torch.equal(net(x), found.model(x))
    assert rewrite(net, 1.0, inputs=x).measured.error == 0


def test_a_module_that_is_used_twice_is_replaced_in_both_places(net):
    pair = nn.Sequential(net.twice, nn.ReLU(), net.twice)
    made = rewrite(pair, 0.4).model
    assert made[0] is made[2]
    assert not isinstance(made[0], nn.Conv2d)
    assert not isinstance(rewrite(nn.Linear(16, 16), 0.5).model, nn.Linear)


class InWindows(nn.Module):
    """Its linear layer reads all positions of all images as rows, its convolution four windows of each image."""

    def __init__(self):
        super().__init__()
        self.rows, self.window = nn.Linear(16, 16), nn.Conv2d(16, 16, 3)

    def forward(self, x):
        y = self.rows(x.permute(0, 2, 3, 1).reshape(-1, 16)).reshape(-1, 8, 8, 16).permute(0, 3, 1, 2)
        windows = y.reshape(-1, 16, 2, 4, 2, 4).permute(0, 2, 4, 1, 3, 5).reshape(-1, 16, 4, 4)
        return self.window(windows)


@pytest.mark.parametrize("batch", [1, 4])
def test_what_one_image_becomes_in_the_batch_is_counted(batch):
    net, shape = InWindows(), (16, 8, 8)
    found = rewrite(net, 0.6, objective="multiply_adds", inputs=torch.randn(batch, *shape))
    assert found.choices.before == from_torch(net, shape).multiply_adds == 64 * 256 + 4 * 4 * 9 * 256
    assert found.cost == from_torch(found.model, shape).multiply_adds


def test_a_layer_that_does_not_run_costs_no_time(net):
    net.spare = nn.Linear(16, 16)
    found = rewrite(net, 0.5, objective="multiply_adds", inputs=torch.randn(20, 4, 6, 6))
    assert found.choices.before == from_torch(net, (4, 6, 6)).multiply_adds
    assert isinstance(found.model.spare, nn.Linear)
    assert found.kept == (("spare", "it is not called with these inputs"),)


def test_multiply_adds_need_images(net):
    with pytest.raises(ValueError, match="give some as inputs"):
        rewrite(net, 0.5, objective="multiply_adds")
    found = rewrite(net, 0.5, objective="multiply_adds", inputs=torch.randn(20, 4, 6, 6))
    assert found.choices.before == 36 * 576 + 9 * (2304 + 2 * 256) + 160
    assert found.cost <= found.choices.before / 2


def test_fresh_weights_make_an_architecture_to_train(net):
    torch.manual_seed(1)
    found = rewrite(net, 0.5, architecture_only=True)
    again = rewrite(net, 0.5, architecture_only=True)
    assert {one.family for one in found.choices.candidates} <= {"keep", "product"}
    assert found.errors is None
    kept = [
        name for name, part in found.model.named_modules() if name in ("body.0", "head") and hasattr(part, "weight")
    ]
    assert all(not torch.equal(found.model.get_submodule(name).weight, net.get_submodule(name).weight) for name in kept)
    assert not all(torch.equal(a, b) for a, b in zip(found.model.parameters(), again.model.parameters(), strict=True))
    assert found.model(torch.randn(2, 4, 6, 6)).shape == (2, 10)
    found = rewrite(net, 0.5, architecture_only=True, inputs=torch.randn(2, 4, 6, 6))
    assert found.measured.sentence == "It runs in PyTorch, not compared: all its weights are fresh."


class Reading(nn.Module):
    """Its code asks a layer for more than its outputs."""

    def __init__(self, what):
        super().__init__()
        self.what, self.inner, self.last, self.shift = (
            what,
            nn.Linear(16, 16),
            nn.Linear(16, 16),
            nn.Parameter(torch.ones(16)),
        )

    def forward(self, x):
        if self.what == "weight":
            return self.last(nn.functional.linear(x, self.inner.weight, self.shift))
        if self.what == "dtype":
            return self.last(self.inner(x.to(self.inner.weight.dtype)))
        if self.what == "both":
            return self.last(self.inner(x) + x @ self.inner.weight)
        if self.what == "sizes":
            return self.last(self.inner(x.reshape(-1, self.inner.in_features)))
        if self.what == "scale":
            return self.last(self.inner(x) * self.inner.scale)
        return self.last(self.inner.forward(x))


@pytest.mark.parametrize("what", ["weight", "dtype", "both", "sizes", "scale", "forward"])
def test_a_layer_stays_whose_weights_or_sizes_other_code_reads(what):
    """In its place there would be a product, which has neither."""
    torch.manual_seed(0)
    net, x = Reading(what), torch.randn(40, 16)
    net.inner.scale = 2.0
    for inputs in (None, x):
        found = rewrite(net, 0.5, inputs=inputs)
        assert found.kept == (("inner", "its weights are read elsewhere too"),)
        assert type(found.model.inner) is nn.Linear
        assert not found.model.inner._forward_hooks
        with torch.no_grad():
            found.model.last, expected = net.last, net(x)
            assert torch.equal(found.model(x), expected)
    whole = rewrite(nn.Linear(16, 16), 0.5)
    assert (whole.replaced, whole.kept) == (1, ())


def test_code_that_cannot_be_traced_is_said_to_be_unknown(net):
    for fresh in (False, True):
        found = rewrite(Branching(net), 0.5, architecture_only=fresh)
        assert "it cannot be traced: whether its code reads weights of a layer is not known" in found.sentence
        assert "traced" not in rewrite(net, 0.5, architecture_only=fresh).sentence


@pytest.mark.parametrize("fresh", [False, True])
def test_a_rewritten_module_that_does_not_run_is_refused(fresh):
    class Asking(Net):
        def forward(self, x):
            assert isinstance(self.body[3], nn.Conv2d), "no convolution"
            return super().forward(x)

    with pytest.raises(
        RuntimeError, match=r"model=Asking does not run once rewritten.*no convolution.*a class of its own"
    ):
        rewrite(Asking(), 0.3, inputs=torch.randn(20, 4, 6, 6), architecture_only=fresh)


def test_weights_that_are_computed_at_each_call_are_copied():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PyTorch prefers parametrizations
        net = nn.Sequential(nn.utils.weight_norm(nn.Linear(16, 16)), nn.Linear(16, 16))
    x = torch.randn(40, 16)
    found = rewrite(net, 0.5, inputs=x)
    assert (found.replaced, found.kept) == (1, (("0", "it has hooks"),))
    with torch.no_grad():
        found.model[0].weight_g.mul_(2)
        assert torch.allclose(found.model[0](x) - net[0].bias, 2 * (net[0](x) - net[0].bias), atol=1e-5)
    net.lock = threading.Lock()
    with pytest.raises(
        ValueError, match=r"model=Sequential cannot be copied \(TypeError: .*give a module that copy.deepcopy copies"
    ):
        rewrite(net, 0.5)


@pytest.mark.parametrize("frozen", ["weight", "bias"])
@pytest.mark.parametrize("layer", [nn.Linear(16, 16), nn.Conv2d(16, 16, 3)])
def test_frozen_numbers_stay_frozen(layer, frozen):
    net = nn.Sequential(copy.deepcopy(layer))
    getattr(net[0], frozen).requires_grad_(False)
    for fresh in (False, True):
        found = rewrite(net, 0.5, architecture_only=fresh)
        flags = {(name.rpartition(".")[2], one.requires_grad) for name, one in found.model.named_parameters()}
        assert flags == {("weight", frozen != "weight"), ("bias", frozen != "bias")}


def test_fresh_weights_have_fresh_biases_and_a_module_may_look_into_its_layers_for_them():
    class Resetting(nn.Sequential):
        def reset_parameters(self):
            nn.init.normal_(self[0].weight)

    net = Resetting(nn.Linear(16, 16), nn.Linear(16, 16))
    found = rewrite(net, 0.5, architecture_only=True)
    assert found.replaced == 2
    for old, new in zip(net, found.model, strict=True):
        (bias,) = (one for name, one in new.named_parameters() if name.endswith("bias"))
        assert not torch.isin(bias, old.bias).any()


def test_layers_that_cannot_be_replaced_stay_and_say_why():
    class Mine(nn.Conv2d):
        pass

    tied = nn.Linear(16, 16)
    tied.weight = (other := nn.Linear(16, 16)).weight
    hooked = nn.Linear(16, 16)
    hooked.register_forward_hook(lambda *_: None)
    shared, patched = nn.Linear(16, 16), nn.Linear(16, 16)
    shared.bias, patched.forward = (sharing := nn.Linear(16, 16)).bias, lambda x: x
    backward = nn.Linear(16, 16)
    backward.register_full_backward_pre_hook(lambda *_: None)
    holding = nn.Linear(16, 16)
    holding.register_buffer("mask", torch.ones(16))
    parts = [Mine(8, 8, 3), tied, other, hooked, nn.Conv2d(8, 8, 3, groups=8), nn.Conv3d(8, 8, 3), nn.MultiheadAttention(16, 2),
             nn.TransformerEncoderLayer(16, 2, 16), nn.Conv2d(8, 8, 1, padding=1), nn.Linear(16, 1),
             shared, sharing, patched, backward, holding, nn.Linear(16, 16, device="meta")]  # fmt: skip
    found = rewrite(nn.ModuleList([*parts, nn.Linear(16, 16)]), 0.5)
    assert [layer.name for layer in found.choices.layers] == ["16"]
    reasons = dict(found.kept)
    assert reasons["0"] == "it is a Mine: Linear, Conv1d and Conv2d are replaced"
    assert reasons["1"] == reasons["2"] == reasons["7.linear1"] == "its weights are read elsewhere too"
    assert reasons["3"] == "it has hooks"
    assert reasons["4"] == "depthwise: each output has one input"
    assert reasons["8"] == "it pads what a 1×1 window reads"
    assert reasons["9"] == "it has one output"
    assert reasons["10"] == reasons["11"] == "its bias is read elsewhere too"
    assert reasons["12"] == "it has a method forward of its own"
    assert reasons["13"] == "it has hooks"
    assert reasons["14"] == "it holds more than weights and a bias"
    assert reasons["15"] == "its weights have no numbers, on the device meta"
    assert all(type(part) in map(type, parts) for part in list(found.model)[:-1])


@pytest.mark.parametrize(("given", "sentence"), [
    (nn.ReLU(), "no layer that can be replaced"), (nn.Conv3d(8, 8, 3), "no layer that can be replaced"),
])  # fmt: skip
def test_modules_without_dense_layers_are_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        rewrite(given, 0.5)


def test_a_module_is_not_saved_as_a_file(net, tmp_path):
    with pytest.raises(TypeError, match="state_dict"):
        rewrite(net, 0.9).save(tmp_path / "net.onnx")
