"""Modules of the zoo's networks: counted by hooks, and compared with the authors' form and with torchvision's."""

import csv
from math import prod
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra experiment is not installed")

from torch import nn

from experiments.networks import GroupSums, as_module, check_counts, counted
from igc_theory.networks import network, network_names

torch.set_num_threads(1)  # layers this small wait for threads longer than they compute

GATED = {"highway", "highway19", "highway32"}
SMALL = [
    ("regconv_w16", {}), ("sumfusion", {}), ("igc_l4m8", {}), ("igc_l24m2", {"identity": True}),
    ("igcv2_star", {"width": 64, "depth": 5}), ("igcv2_star", {"width": 24, "depth": 8, "identity": True, "classes": 100}),
    ("cifar_resnet", {"depth": 8}), ("preactivation_resnet", {"depth": 11}), ("wide_resnet", {"depth": 10, "widening": 2}),
    ("resnext_cifar", {"depth": 11, "branch_width": 8}), ("densenet", {"depth": 10, "bottleneck": True}),
    ("fractalnet", {"widths": (8, 16)}), ("deeply_fused", {}),
]  # fmt: skip
"""Each kind of block; full_scale.py counts every network of the zoo."""

with open(Path(__file__).with_name("full_scale.csv"), newline="", encoding="utf-8") as file:
    STORED = {(row["network"], int(row["classes"])): row for row in csv.DictReader(file)}


def by_hooks(module, shape):
    """Return parameters and multiply–adds: weights of each layer, times the positions that it writes."""
    products = []

    def note(layer, _, written):
        products.append(layer.weight.numel() * prod(written.shape[2:]))

    hooks = [
        layer.register_forward_hook(note) for layer in module.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))
    ]
    with torch.no_grad():
        written = module(torch.zeros(2, *shape))
    for hook in hooks:
        hook.remove()
    return sum(one.numel() for one in module.parameters()), sum(products), written.shape


@pytest.mark.parametrize(("name", "parameters"), SMALL, ids=str)
def test_modules_count_as_the_library_does(name, parameters):
    net = network(name, **parameters)
    classes = parameters.get("classes", 10)
    assert by_hooks(as_module(net), net.input_shape) == (net.parameters, net.multiply_adds, (2, classes))


def test_every_network_was_built_and_counted_alike():
    """As stored by full_scale.py; networks with 100 classes are compared for this line of work."""
    expected = {name: net for name in network_names() if (net := network(name)).input_shape == (3, 32, 32)}
    assert STORED.keys() == {(name, classes) for name in expected for classes in (10, 100)}
    assert {name for (name, _), row in STORED.items() if row["why_not"]} == GATED
    nets = {(name, 10): net for name, net in expected.items() if name not in GATED}
    nets |= {(name, 100): network(name, classes=100) for name in expected if name.startswith(("igc", "regconv", "sum"))}
    for key, net in nets.items():
        assert (int(STORED[key]["parameters"]), int(STORED[key]["multiply_adds"])) == (
            net.parameters,
            net.multiply_adds,
        )


@pytest.mark.parametrize("name", ["igc_l24m2", "sumfusion"])
def test_pytorch_counts_alike(name):
    net = network(name, classes=100)
    assert check_counts(as_module(net), net) == (net.parameters, net.multiply_adds, (100,))


def test_a_module_of_another_size_is_refused():
    net = network("igc_l24m2")
    with pytest.raises(ValueError, match=r"classes=100\): PyTorch counts Counted\(parameters=155962, .*, the library"):
        check_counts(as_module(net), network("igc_l24m2", classes=100))
    wide = as_module(net)
    wide[0].stride = (2, 2)
    with pytest.raises(ValueError, match="multiply_adds="):
        check_counts(wide, net)


def test_counting_leaves_the_module_as_it_was():
    module = as_module(network("igc", L=2, M=2, depth=5)).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    counted(module, (3, 32, 32))
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def shuffled(x, groups):
    """Return channels read across the groups, as `Reorder` does."""
    n, channels, *sides = x.shape
    return x.reshape(n, groups, channels // groups, *sides).transpose(1, 2).reshape(x.shape)


def normalised(x):
    return nn.functional.batch_norm(x, None, None, training=True)


def by_hand(x, weights, L, M, identity):
    """Return the scores of IGC with two layers per stage, written down from the authors' description of a layer."""
    rest = iter(weights)
    x = normalised(nn.functional.conv2d(x, next(rest), padding=1)).relu()
    for stage in range(3):
        width, given = M << stage, x
        for layer in range(2):
            stride = 2 if stage and not layer else 1
            y = nn.functional.conv2d(x, next(rest), stride=stride, padding=1, groups=L)
            y = nn.functional.conv2d(shuffled(y, L), next(rest), groups=width)
            x = normalised(shuffled(y, width))
            if not (identity and layer):
                x = x.relu()
        if identity:
            beside = normalised(nn.functional.conv2d(given, next(rest), stride=2, groups=L)) if stage else given
            x = (x + beside).relu()
    return nn.functional.linear(x.mean((2, 3)), next(rest), next(rest))


@pytest.mark.parametrize("identity", [False, True])
def test_igc_computes_what_the_authors_describe(identity):
    torch.manual_seed(0)
    module = as_module(network("igc", L=3, M=2, depth=8, identity=identity)).train()
    weights = [layer.weight for layer in module.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    x = torch.randn(4, 3, 32, 32)
    expected = by_hand(x, [*weights, module[-1].bias], 3, 2, identity)
    assert torch.allclose(module(x), expected, atol=1e-4)


def test_residual_blocks_are_torchvisions():
    """An independent ResNet-18, its weights carried over in order; ours must compute the same."""
    models = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
    theirs, ours = models.resnet18().eval(), as_module(network("resnet18")).eval()
    for (_, value), (_, own) in zip(theirs.named_parameters(), ours.named_parameters(), strict=True):
        assert value.shape == own.shape
        own.data.copy_(torch.randn_like(value) * 0.05 + (value.dim() == 1))
        value.data.copy_(own.data)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(ours(x), theirs(x), rtol=1e-3, atol=1e-3)


def test_summation_fusion_is_a_convolution_with_ones():
    x = torch.randn(2, 12, 4, 5)
    expected = nn.functional.conv2d(x, torch.ones(6, 4, 1, 1), groups=3)
    assert torch.allclose(GroupSums(3, 2)(x), expected, atol=1e-5)


def relus_behind(module):
    """Return what stands in front of each ReLU, among the modules of its series."""
    found = []
    for part in module.modules():
        if isinstance(part, nn.Sequential):
            layers = list(part)
            found += [type(layers[k - 1]).__name__ for k, layer in enumerate(layers) if isinstance(layer, nn.ReLU)]
    return found


def test_activations_stand_where_the_papers_have_them():
    assert set(relus_behind(as_module(network("wrn_16_8")))) == {"BatchNorm2d"}
    wide = as_module(network("wrn_16_8"))
    assert len(relus_behind(wide)) == 1 + 2 * 6  # in front of every convolution of a block, and behind the last block
    residual = relus_behind(as_module(network("cifar_resnet20")))
    assert residual.count("Joined") == 9
    assert residual.count("BatchNorm2d") == 1 + 9
    assert relus_behind(as_module(network("igc_l24m2"))).count("BatchNorm2d") == 19


@pytest.mark.parametrize("name", [*sorted(GATED), "mobilenet_v3_large", "convnext_tiny", "shufflenet_v2_x1.0"])
def test_what_has_no_module_is_named(name):
    with pytest.raises(ValueError, match=rf"{name} cannot be built: .*: use "):
        as_module(network(name))
