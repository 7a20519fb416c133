"""Measuring, the files of tables, and predictions of networks; a clockwork in place of a runtime keeps the tests quick."""

import json

import pytest

from igc_theory.budget.latency import LatencyTable, Timed
from igc_theory.networks import latency, latency_table, measure, network
from igc_theory.networks.timing import measure as measuring
from igc_theory.networks.timing import runtimes, sample
from igc_theory.networks.timing.runtimes import chain_call, fastest
from igc_theory.networks.timing.tables import write_table
from igc_theory.structure import Chain, GroupConv, depthwise_separable, interleave, regular

LAYERS = ((regular(4, 4), 7), (Chain([interleave(2, 4)]), 7), (Chain([GroupConv(4, 4, 2)]), 14))
CHAINS = ((depthwise_separable(4, 8), 7),)


@pytest.fixture
def clockwork(monkeypatch):
    """Let a layer take its multiply–adds, a shuffle 8 in a series of eight, and a call 1; count what is timed."""
    timed = []

    def call(chain, height, width, runtime, *, threads, times=1):
        timed.append(chain)
        return 1.0 + times * (
            sum(conv.parameters for conv in chain.convolutions) or 8 * (chain != Chain([interleave(1, 8)]))
        )

    monkeypatch.setattr(sample, "layers", lambda: LAYERS)
    monkeypatch.setattr(sample, "chains", lambda: CHAINS)
    monkeypatch.setattr(measuring, "chain_call", call)
    monkeypatch.setattr(measuring, "fastest", lambda time, seconds, threads: time)
    monkeypatch.setattr(measuring, "MOST_THREADS", 4)
    return timed


def test_layers_are_timed_without_the_call_and_chains_with_it(clockwork):
    table = measure(progress=False)
    assert [timed.milliseconds for timed in table.layers] == [
        pytest.approx(144),
        pytest.approx(8),
        pytest.approx(8),
    ]
    assert [timed.milliseconds for timed in table.chains] == [1 + 4 * 9 + 32]
    assert table.call == 1
    assert {"runtime", "threads", "processor", "caches"} <= table.machine.keys()


def test_a_machine_that_hides_the_size_of_a_cache_is_described(monkeypatch, tmp_path):
    monkeypatch.setattr("igc_theory.kernels.caches._FOLDER", tmp_path)
    (tmp_path / "index0").mkdir()
    (tmp_path / "index0" / "level").write_text("1\n", encoding="utf-8")
    assert runtimes.machine("onnxruntime", 1)["caches"] == "unknown"


def test_an_interrupted_measurement_goes_on_where_it_stopped(clockwork, monkeypatch, tmp_path):
    path = tmp_path / "table.json"
    monkeypatch.setattr(measuring, "SAVE_SECONDS", -1.0)
    true_call, stop = measuring.chain_call, LAYERS[2][0]

    def interrupted(chain, *arguments, **options):
        if chain == stop:
            raise KeyboardInterrupt
        return true_call(chain, *arguments, **options)

    monkeypatch.setattr(measuring, "chain_call", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure(path=path, progress=False)
    assert len(json.loads(path.read_text())["layers"]) == 2
    monkeypatch.setattr(measuring, "chain_call", true_call)
    clockwork.clear()
    table = measure(path=path, progress=False)
    assert LAYERS[0][0] not in clockwork
    assert stop in clockwork
    assert (len(table.layers), len(table.chains)) == (3, 1)
    again = latency_table(path)
    assert (again.layers, again.chains, again.call) == (table.layers, table.chains, table.call)


def test_a_table_of_pytorch_is_made_shared_and_not_mixed_with_another(clockwork, tmp_path):
    path = tmp_path / "table.json"
    table = measure("torch", path, threads=2, progress=False)
    assert (table.machine["runtime"].split()[0], table.machine["threads"]) == ("torch", "2")
    content, chain = path.read_bytes(), depthwise_separable(4, 8)
    assert latency(chain, path, height=7).milliseconds == latency(chain, table, height=7).milliseconds
    assert latency(chain, path, height=7).machine == f"{table.machine['runtime']} on {table.machine['processor']}"
    for runtime, threads, reason in (("onnxruntime", 2, "runtime 'torch"), ("torch", 1, "threads '2' and not '1'")):
        with pytest.raises(ValueError, match=f"is of another machine, {reason}"):
            measure(runtime, path, threads=threads)
    assert path.read_bytes() == content


def test_a_file_of_another_machine_is_refused(clockwork, tmp_path):
    path = tmp_path / "table.json"
    write_table(path, LatencyTable({"runtime": "onnxruntime 0"}, [Timed(regular(4, 4), 7, 7, 1.0)]))
    with pytest.raises(ValueError, match=r"is of another machine, runtime 'onnxruntime 0'.*: give another file"):
        measure(path=path)


def test_a_table_survives_a_file(tmp_path):
    table = latency_table()
    write_table(tmp_path / "again.json", table)
    again = latency_table(str(tmp_path / "again.json"))
    assert (again.layers, again.chains, again.machine, again.call) == (
        table.layers,
        table.chains,
        table.machine,
        table.call,
    )
    assert again.coefficients == table.coefficients


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda text: text[: len(text) // 2], "damaged"),
        (lambda text: "[]", "damaged"),
        (lambda text: text.replace("latency 1", "latency 9"), "its format is 'igc_theory latency 9'"),
        (lambda text: text.replace('"call"', '"cell"'), "call|cell"),
        (lambda text: text.replace('"layers": [', '"layers": [[[], 7, 7, 1],'), "damaged"),
        (lambda text: text.replace('"call": ', '"call": -'), "call=-"),
        (lambda text: text.replace('"threads": "1"', '"threads": 1'), "not described in words"),
    ],
)
def test_damaged_files_are_refused(tmp_path, damage, sentence):
    path = tmp_path / "table.json"
    write_table(path, LatencyTable({"threads": "1"}, [Timed(regular(4, 4), 7, 7, 1.0)], call=0.5))
    path.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match=f"(?s){sentence}"):
        latency_table(path)


def test_the_sample_has_every_kind_and_stays_the_same():
    kinds = {chain.factors[0].kind for chain, _ in sample.layers() if isinstance(chain.factors[0], GroupConv)}
    assert kinds == set(sample.COUNTS)
    assert len(set(sample.layers())) == len(sample.layers())
    assert not {chain for chain, _ in sample.chains()} & {chain for chain, _ in sample.layers()}
    stored = latency_table()
    assert {(timed.chain, timed.height) for timed in stored.layers} == set(sample.layers())
    assert {(timed.chain, timed.height) for timed in stored.chains} == set(sample.chains())


def test_the_stored_table_ranks_chains_that_it_did_not_see():
    table = latency_table()
    assert table.rank_correlation >= 0.95
    weights = [timed.chain.parameters for timed in table.chains]
    times = [timed.milliseconds for timed in table.chains]
    from scipy.stats import spearmanr

    assert spearmanr(weights, times).statistic < table.rank_correlation - 0.2


def test_a_network_is_the_sum_of_its_layers():
    table = latency_table()
    found = latency(network("mobilenet_v2"), table)
    by_hand = sum(
        latency(Chain([layer.node.convolution]), table, height=layer.input_shape[1]).milliseconds - table.call
        for layer in network("mobilenet_v2").layers
        if hasattr(layer.node, "convolution")
    )
    assert found.milliseconds == pytest.approx(by_hand + table.call, rel=0.05)  # the linear layer
    assert found.passed_over == 1


@pytest.mark.parametrize("runtime", ["onnxruntime", "torch"])
def test_runtimes_apply_what_they_are_given(runtime):
    pytest.importorskip(runtime, reason=f"{runtime} is not installed")
    call = chain_call(depthwise_separable(4, 6, stride=2), 9, 9, runtime)
    (result,) = call()
    assert tuple(result.shape)[-3:] == (6, 5, 5)
    assert fastest(call, 0.01) > 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: measure("pen"), "runtime='pen' is not known"),
        (lambda: measure(threads=0), "threads=0"),
        (lambda: measure(seconds=-1), "seconds=-1"),
        (lambda: measure(path=3), "path=3"),
        (lambda: latency(regular(2, 2)), "height=None, but a chain does not know"),
        (lambda: latency(network("resnet18"), height=7), "height=7 and width=None go with a chain"),
        (lambda: latency(7), "chain_or_network=7 is an int"),
    ],
)
def test_bad_input(call, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()
