"""What the captions of the figures say, against the numbers that the figures draw."""

import csv
from collections import defaultdict
from statistics import mean, median

import pytest

from experiments.verdicts import DATASETS, accuracies, chosen_rate, runs
from figures import apply_time, experiment_rates
from figures.build import manifest
from igc_theory.networks import path_polynomial, published
from tools.files import ROOT

CAPTIONS = {name: f"{entry['title']} {entry['caption']} {entry['alt']}" for name, entry in manifest().items()}


def rows(name):
    with (ROOT / "figures" / "data" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def grouped(table, *keys, value):
    """Return the values of a column, by the values of others."""
    found = defaultdict(list)
    for row in table:
        found[tuple(row[key] for key in keys)].append(float(row[value]))
    return found


def says(name, *phrases):
    for phrase in phrases:
        assert phrase in CAPTIONS[name], phrase


def test_integer_designs_lie_on_or_above_the_attainable_curve():
    weights = grouped(rows("weights_against_factors"), "panel", "series", "factors", value="weights_per_channel")
    above = defaultdict(list)
    for (panel, series, factors), (value,) in weights.items():
        if series in ("strict", "dense"):
            near = [k for k in weights if k[:2] == (panel, "attainable") and abs(float(k[2]) - float(factors)) < 0.01]
            above[panel, series].append(value / weights[near[0]][0] - 1)
    assert min(map(min, above.values())) > -1e-9
    largest = {key: round(100 * max(values)) for key, values in above.items()}
    assert largest == {
        ("C = 64", "strict"): 4,
        ("C = 64", "dense"): 16,
        ("C = 416", "strict"): 26,
        ("C = 416", "dense"): 7,
    }
    says("weights_against_factors", "up to 16 % above it at 64", "up to 26 % above it", "dense ones at most 8 %")


def test_mean_paths_are_half_of_the_longest_only_with_identities():
    names = ("highway19", "cifar_resnet20", "resnet50", "googlenet", "deeply_fused", "fractalnet")
    share = [round(100 * float(path_polynomial(name).mean / path_polynomial(name).longest)) for name in names]
    assert share == [55, 55, 56, 80, 68, 67]
    says(
        "path_length_distributions", "55 to 56 %", "80 % in GoogLeNet", "68 % in the deeply-fused", "67 % in FractalNet"
    )


def test_the_lowest_errors_on_cifar10_are_those_of_the_three_networks_of_igcv1():
    errors = sorted((row[3], row[0]) for row in published("igcv1-table7").rows if row[3] is not None)
    assert all(name.startswith("IGC-") for _, name in errors[:3])
    assert not errors[3][1].startswith("IGC")
    assert ([error for error, _ in errors[:3]][::2], published("igcv2-table7").rows[-1][3]) == ([3.25, 3.37], 5.49)
    says("parameters_against_accuracy", "from 3.25 to 3.37", "IGCV2*, with 0.65 million parameters, has 5.49")


def test_the_published_mobilenet_is_ahead_of_the_widest_igcv3():
    accuracy = {row[0]: row[3] for row in published("igcv3-table3").rows}
    ahead = [
        accuracy[f"IGCV3-D{w}"] - accuracy[f"MobileNetV2{w}{o}"]
        for w, o in ((" (0.7)", "(our impl.)"), ("", " (our impl.)"), (" (1.4)", "(our impl.)"), (" (1.4)", ""))
    ]
    assert [round(points, 2) for points in ahead] == [1.94, 0.9, 0.79, -0.15]
    says("igcv3_table3", "by 1.9 points", "by 0.9", "by 0.8", "0.15 points ahead of IGCV3-D 1.4")


def test_printed_counts_that_no_convention_gives_are_eighteen():
    orange = [float(row["ratio"]) for row in rows("recount_against_print") if row["agrees"] == "0"]
    assert (len(orange), round(1 - min(orange), 2), round(max(orange) - 1, 1)) == (18, 0.17, 0.9)
    says("recount_against_print", "eighteen orange ones lie up to 17 percent below or up to 90 percent above")


def test_the_heat_map_says_over_how_many_kernels_a_median_is():
    errors = grouped(rows("redundancy_heatmap"), "network", "family", value="relative_error")
    counts = [
        (len(errors[n, "quantized"]), len(errors[n, "block-diagonal"]), len(errors[n, "sparse product"]))
        for n in ("detector", "recognizer", "classifier")
    ]
    assert counts == [(15, 13, 7), (11, 11, 6), (7, 7, 2)]
    says(
        "redundancy_heatmap",
        "13 of 15 and 7 of 15 in the detector, all and 6 of 11",
        "all and 2 of 7 in the classifier",
    )
    for network in {network for network, _ in errors}:
        lowest = min((median(values), family) for (n, family), values in errors.items() if n == network)
        assert lowest[1] in ("quantized", "clustered")


def test_integer_optima_are_as_the_caption_says():
    table = [{key: float(value) for key, value in row.items()} for row in rows("integer_optima")]
    assert round(max(row["dense"] / row["bound"] for row in table if row["channels"] % 2 == 0) - 1, 3) == 0.130
    same = [row["prime"] for row in table if row["strict"] == row["dense"] and row["channels"] <= 256]
    assert (len(same), same.count(1), same.count(0)) == (110, 54, 56)
    says("integer_optima", "within 13 %", "At 110 of the widths up to 256, the 54 primes and 56 composite ones")


def test_widths_are_as_the_caption_says():
    width = grouped(rows("width_against_parameters"), "series", "parameters", value="width")

    def at(series):
        return {float(budget): value for (name, budget), (value,) in width.items() if name == series}

    optimum, most = at("continuous optimum"), max(at("regular"))
    for series in ("strict integer", "dense integer"):
        assert 0.87 < min(value / optimum[budget] for budget, value in at(series).items()) < 0.875
    by_factors = [at(f"IGCV2, L = {L}") for L in range(2, 7)]
    assert [widths[most] for widths in by_factors] == sorted(widths[most] for widths in by_factors)
    assert by_factors[-1][300] < by_factors[-2][300] < by_factors[-3][300]
    says("width_against_parameters", "each of the up to six factors shown", "within 13 % of the optimum")


def test_imbalance_costs_what_the_caption_says():
    price = [{key: float(value) for key, value in row.items()} for row in rows("price_of_imbalance")]
    apart = [sorted((0, row["log2_second"], row["log2_third"])) for row in price]
    assert max(row["price"] for row, terms in zip(price, apart, strict=True) if terms[2] - terms[0] <= 1) < 1.06
    cheapest = min((row["price"], row["K1"], row["K2"], row["K3"]) for row in price if row["K1"])
    assert (*cheapest[1:], round(cheapest[0], 2)) == (1, 12, 12, 1.01)
    says("price_of_imbalance", "within a factor of two of each other cost at most 6 % more", "about 1 % more")


def test_accuracy_peaks_beyond_the_widest_block():
    for panel, beyond in ("(a)", 1.4), ("(b)", 2.0):
        designs = [row for row in rows("igcv1_figure3") if row["panel"] == panel]
        best = max(designs, key=lambda row: float(row["accuracy"]))
        assert (best["M"], round(float(best["L"]) / float(best["optimal_L"]), 1)) == ("2", beyond)
    says("igcv1_figure3", "at M = 2, where L is 1.4 and 2.0 times as large")


def test_the_error_of_random_kernels_depends_on_paths_per_channel():
    errors = defaultdict(list)
    for row in rows("paths_are_rank"):
        errors[int(row["groups"]) * int(row["paths"])].append(float(row["measured"]))
    assert 0.021 < max(max(values) - min(values) for values in errors.values()) < 0.022
    says("paths_are_rank", "differ by at most 0.022")


def test_fronts_are_made_of_what_the_caption_says():
    table = rows("redundancy_frontier")
    bits, operations = (
        [row["family"] for row in table if row[mark] == "1"] for mark in ("least_bits", "least_operations")
    )
    low = sum(family in ("binary", "quantized", "clustered") for family in bits)
    assert (len(bits), low, sum(family.startswith("rounded") for family in bits)) == (48, 26, 19)
    assert (len(operations), operations.count("pruned")) == (18, 15)
    says("redundancy_frontier", "26 of its 48 points are low precision and 19 are", "15 of its 18 points are pruned")


def test_trained_kernels_differ_from_random_ones_as_the_caption_says():
    errors = grouped(rows("redundancy_heatmap"), "network", "family", value="relative_error")
    gain = {
        (network, family): median(errors[f"random as {network}", family]) - median(values)
        for (network, family), values in errors.items()
        if network in ("detector", "recognizer")
    }
    for network in ("detector", "recognizer"):
        gaining = ("pruned", "low rank", "rounded low rank", "sparse product", "rounded sparse product")
        assert all(gain[network, family] > 0 for family in gaining)
        assert gain[network, "binary"] < 0
    energy = grouped(rows("block_spectra"), "panel", "block", value="value")
    squares = {key: [value**2 for value in values] for key, values in energy.items()}
    for panel, share in ("trained: detector Conv.14", 0.34), ("random", 0.24):
        blocks = [values for (name, _), values in squares.items() if name == panel]
        assert round(sum(values[0] for values in blocks) / sum(map(sum, blocks)), 2) == share
    says("block_spectra", "hold 34 % of the energy instead of 24 %")


def test_reordering_turns_losses_into_wins_as_the_caption_says():
    trained = [row for row in rows("reorder_gain") if row["network"] != "random"]
    lost = sum(float(row["given"]) > float(row["low_rank"]) for row in trained)
    won = sum(float(row["found"]) < float(row["low_rank"]) for row in trained)
    assert (len(trained), lost, won) == (36, 24, 27)
    says("reorder_gain", "24 of the 36 products lose", "27 win")


def test_products_are_faster_than_dense_matrices_where_the_caption_says():
    times = grouped(rows("apply_time"), "panel", "channels", "series", value="microseconds")
    ratio = {
        (panel, channels, series): times[panel, channels, "dense"][0] / microseconds
        for (panel, channels, series), (microseconds,) in times.items()
        if channels != "65536" and series.endswith("factors") and "roofline" not in series
    }
    assert len(ratio) == 18
    for (panel, channels, series), value in ratio.items():
        assert value > 1
        assert channels == "1024" or value > ratio[panel, "1024", series]
    says(
        "apply_time", "AMD EPYC with 1 MB of second-level cache", "At 1,024 and 4,096 channels the products were faster"
    )
    others = [path for path in apply_time.RESULTS.parent.glob("*_apply.csv") if "_busy" not in path.name]
    assert len(others) == 3
    for path in others:
        with path.open(encoding="utf-8", newline="") as file:
            measured = [row for row in csv.DictReader(file) if row["dense"]]
        faster = {(row["C"], row["L"], row["batch"]): float(row["dense / plan"]) for row in measured}
        assert len(faster) == 18
        for (channels, L, batch), value in faster.items():
            assert value > 1
            assert channels == "1024" or value > faster["1024", L, batch]
    says("apply_time", "So they were on the two other processors")


def test_words_of_claims_are_those_of_their_intervals():
    for row in rows("experiments_claims"):
        low, high = float(row["low"]), float(row["high"])
        assert (row["word"] in ("supported", "refuted")) == (low > 0 or high < 0)
        assert (row["word"] == "no difference") == (low <= 0 <= high and low >= -0.25 and high <= 0.25)
        assert (row["word"] == "supported") == (low > 0)
    says("experiments_claims", "leave zero out", "hold zero and lie in the shaded band, ±0.25 points")


def test_dots_are_runs_less_the_mean_of_their_seed():
    dots = grouped(rows("experiment_runs"), "panel", "label", value="deviation")
    for panel in {panel for panel, _ in dots}:
        budgets = defaultdict(list)
        for (here, label), values in dots.items():
            if here == panel:
                budgets[label.rpartition(": ")[0]].append(values)
        for designs in budgets.values():
            assert max(abs(mean(seed)) for seed in zip(*designs, strict=True)) < 0.006  # rounded to 0.01
    balanced = {label for panel, label in dots if panel.endswith(": balance")}
    assert sum(label.endswith("balanced") for label in balanced) >= 1
    says("experiment_runs", "less the mean over all designs of its seed and its weights", "The balanced design is red")


def test_gains_by_depth_are_between_designs_of_equal_weights():
    table = rows("experiment_depth")
    assert len({(row["dataset"], row["blocks"]) for row in table}) == len(table)
    weights = grouped(runs("depth"), "dataset", "budget", value="weights")
    assert all(max(counts) <= 1.02 * min(counts) for counts in weights.values())
    for row in table:
        dataset = next(key for key, shown in DATASETS.items() if shown == row["dataset"])
        designs, seeds = accuracies("depth", dataset)
        means = dict(zip(designs, seeds.mean(axis=0), strict=True))
        blocks = f"{row['blocks']} blocks"
        assert float(row["gain"]) == pytest.approx(means[f"{blocks}: IGCV1"] - means[f"{blocks}: regular"], abs=1e-6)
    says("experiment_depth", "of equal weights", "less than 0.25 points")


def test_factorizations_are_all_of_one_width():
    assert all(
        len({row["width"] for row in runs("factorizations") if row["dataset"] == name}) == 1 for name in DATASETS
    )
    for row in rows("experiment_factorizations"):
        assert float(row["low"]) < float(row["accuracy"]) < float(row["high"])
    says("experiment_factorizations", "all products of sparse factors of one width", "less the mean of its seed")


def test_the_ringed_rate_is_the_one_that_was_used():
    found = grouped(rows("experiment_rates"), "panel", "rate", value="accuracy")
    for panel in {panel for panel, _ in found}:
        title, _, name = panel.partition(": ")
        family = next(key for key, shown in experiment_rates.FAMILIES.items() if shown == title)
        dataset = next(key for key, shown in DATASETS.items() if shown == name)
        best = max((mean(values), float(rate)) for (here, rate), values in found.items() if here == panel)[1]
        assert best == chosen_rate(dataset, family)
    says("experiment_rates", "the rate at which all runs of the family were trained")


@pytest.mark.parametrize(
    "words", ["worst case", "every factor more widens", "as good as any", "Half of the depth is typical"]
)
def test_sentences_that_were_false_do_not_come_back(words):
    told = [
        ROOT / "README.md",
        ROOT / "figures" / "manifest.toml",
        *(ROOT / "notebooks").glob("*.ipynb"),
        *(ROOT / "igc_theory").rglob("*.py"),
    ]
    assert [path.name for path in told if words.lower() in path.read_text(encoding="utf-8").lower()] == []


def test_blocks_that_leave_channels_apart():
    grades = defaultdict(list)
    for row in rows("flow_strips"):
        grades[row["network"]].append(row["grade"])
    apart = {name: (found.count("not dense"), len(found)) for name, found in grades.items()}
    assert {name: counts for name, counts in apart.items() if counts[0]} == {
        "alexnet": (3, 5),
        "shufflenet": (3, 17),
        "shufflenet_v2": (13, 18),
        "mixnet_s": (8, 18),
        "condensenet": (36, 37),
    }
    assert len(apart) == 10
    marks = "".join("x" if grade == "not dense" else " " for grade in grades["mixnet_s"])
    assert list(map(len, marks.split())) == [2, 3, 3]
    says("flow_strips", "8 of 18", "13 of 18", "36 of 37", "three groups in MixNet-S", "other five rows have none")


def test_structure_tells_families_apart_and_noise_does_not():
    table = rows("family_errors")
    errors = grouped(table, "panel", "kernel", value="relative_error")
    spread = {key: max(values) - min(values) for key, values in errors.items()}
    assert round(max(value for (_, kind), value in spread.items() if kind == "random"), 2) == 0.09
    assert round(max(value for (_, kind), value in spread.items() if kind == "smooth"), 2) == 0.42
    for panel in {panel for panel, _ in errors}:
        assert spread[panel, "random"] < min(spread[panel, "smooth"], spread[panel, "trained"])
    nearest = {
        key: min(
            (row for row in table if (row["panel"], row["kernel"]) == key), key=lambda row: float(row["relative_error"])
        )
        for key in errors
    }
    assert len(nearest) == 6
    assert all(row["family"] != "low rank" for row in nearest.values())
    weights = grouped(table, "panel", value="weights")
    for (panel,), regular in ((key, 64 * 64 if "1×1" in key[0] else 96 * 24 * 9) for key in weights):
        assert min(weights[panel,]) > 0.96 * max(weights[panel,])
        assert abs(max(weights[panel,]) / regular - (0.25 if "1×1" in panel else 0.3)) < 0.01
    ends = {kind: [e for (_, k), es in errors.items() if k == kind for e in es] for kind in ("smooth", "trained")}
    assert [round(f(ends[kind]), 2) for kind in ends for f in (min, max)] == [0.03, 0.54, 0.39, 0.64]
    says(
        "family_errors", "within 0.09", "up to 0.42 apart", "from 0.03 to 0.54", "from 0.39 to 0.64", "none of the six"
    )


def test_time_falls_less_than_weights_and_the_fewest_weights_are_not_the_fastest():
    table = rows("time_beside_weights")
    by_block = {(row["panel"], row["block"]): (float(row["weights"]), float(row["time"])) for row in table}
    panels = {panel for panel, _ in by_block}
    assert len(panels) == 3
    interleaved = ("IGCV1, M = 2", "IGCV2, three factors", "IGCV2, fewest weights", "found by time", "IGCV3")
    for panel in panels:
        for block in interleaved:
            weights, time = by_block[panel, block]
            assert time > weights, (panel, block)
        weights, time = by_block[panel, "IGCV2, fewest weights"]
        assert by_block[panel, "found by time"][0] > weights
        assert by_block[panel, "found by time"][1] < time
        assert by_block[panel, "regular, as few weights"][1] < time
        longest = max((time / weights, block) for (where, block), (weights, time) in by_block.items() if where == panel)
        assert longest[1] == "IGCV2, fewest weights"
    says(
        "time_beside_weights",
        "It is longest for IGCV2 with the fewest weights",
        "saves more weights than time",
        "faster than IGCV2 with the fewest weights",
    )


def test_the_ways_of_one_small_matrix_cost_what_the_caption_says():
    table = {row["panel"]: row for row in rows("six_ways")}
    values = grouped(rows("six_ways"), "panel", value="value")
    assert {2.91, 3.06, 3.21} <= {*values["as it is",]}
    assert sorted({*values["clustered, four values",]})[-1] == pytest.approx((2.91 + 3.06 + 3.21) / 3)
    share = {name: float(row["share_at_100"]) for name, row in table.items()}
    assert share["low rank"] == share["product of sparse factors"] == 0.2
    assert share["half of the outputs"] == share["half of the entries"] == share["two blocks"] == 0.5
    assert table["product of sparse factors"]["multiply_adds"] == table["as it is"]["multiply_adds"] == "16"
    assert len(table) == 8
    says("six_ways", "seven ways", "take a fifth there", "saves nothing", "2.91, 3.06 and 3.21 have all become 3.06")


def test_six_channels_have_900_weights_or_450():
    table = rows("six_channels")
    weights = {(row["panel"], row["weights"]) for row in table if row["mark"] == "support"}
    assert weights == {("regular 5×5", "900"), ("two groups of three", "450")}
    assert [row["number"] for row in table if (row["mark"], row["stage"]) == ("place", "2")] == [*"142536"]
    says("six_channels", "900, or half of them", "1, 4 | 2, 5 | 3, 6", "reordered to 1, 4, 2, 5, 3, 6")


def test_a_regular_convolution_is_the_sum_of_its_branches():
    table = rows("regular_as_branches")
    assert {row["error"] for row in table} == {"0.0"}
    kernels = {row["branch"]: row["row"] + row["half"] for row in table}
    added = {to: [kernels[row["branch"]] for row in table if row["to"] == to and row["added"] == "1"] for to in "1234"}
    assert added == {"1": ["11", "12"], "2": ["21", "22"], "3": ["11", "12"], "4": ["21", "22"]}
    says("regular_as_branches", "add W11 to W12 and W21 to W22", "read each half twice")


def test_relatives_of_xception_cost_what_the_caption_says():
    panels = list(dict.fromkeys(row["panel"] for row in rows("xception_variants")))
    assert [int(panel.split()[-2]) for panel in panels] == [90, 90, 144, 126]
    says("xception_variants", "Groups instead of the depthwise convolution cost weights", "give some of them back")


def test_colours_and_paths_of_the_chain_of_igcv2():
    table = rows("igcv2_chain")
    colours = grouped([row for row in table if row["mark"] == "channel"], "panel", "stage", "start", value="branch")
    above = next(iter(colours))[0]
    reached = {
        stage: {len(found) for (panel, s, _), found in colours.items() if (panel, s) == (above, stage)}
        for stage in "135"
    }
    assert reached == {"1": {1}, "3": {2}, "5": {4}}
    below = [row["paths"] for row in table if row["panel"] != above and (row["mark"], row["stage"]) == ("channel", "0")]
    assert below == ["1"] * 8
    says("igcv2_chain", "one, then two, then all four", "exactly one from each input")


def test_blocks_of_igcv3_have_one_two_and_eight_paths():
    table = rows("igcv3_paths")
    first = {
        row["panel"]: row["paths"]
        for row in reversed(table)
        if (row["mark"], row["stage"], row["start"]) == ("channel", "0", "0")
    }
    assert sorted(panel.split(": ")[-1] for panel in first if ":" in panel and "path" in panel) == [
        "1 path",
        "2 paths",
        "8 paths",
    ]
    assert all(panel.split(": ")[-1].split()[0] == paths for panel, paths in first.items() if panel != "super-channels")
    numbers = {(row["stage"], int(row["start"])): row["super"] for row in table if row["super"] != "0"}
    assert ["".join(numbers[stage, k] for k in range(8)) for stage in "123"] == ["11223344", "13132424", "13132424"]
    says("igcv3_paths", "One, two or eight paths", "1, 1, 2, 2, 3, 3, 4, 4", "1, 3, 1, 3, 2, 4, 2, 4")


def test_printed_accuracies_of_igcv3_are_as_the_caption_says():
    table = {row["network"]: {key: float(value) for key, value in row.items() if key not in ("panel", "network")}
             for row in rows("igcv3_tables")}  # fmt: skip
    half, mobile = table["IGCV3-D 0.5x"], table["MobileNetV2*"]
    for name in ("cifar10", "cifar100"):
        assert 0 < half[name] - mobile[name] < half[f"{name}_std"] + mobile[f"{name}_std"]
    assert round(table["IGCV3-D"]["counted"], 1) == table["IGCV3-D"]["printed"] == 2.2
    assert (round(mobile["counted"], 2), mobile["printed"]) == (2.22, 2.1)
    assert sum(row["counted"] > 0 for row in table.values()) == 3
    ends = [round(table[name][column], 1) for column in ("cifar10", "cifar100") for name in ("IGCV1*", "IGCV3-D")]
    assert ends == [91.8, 95.0, 70.1, 78.0]
    says("igcv3_tables", "2.22 million for 2.1 printed", "from 91.8 for IGCV1 to 95.0", "from 70.1 to 78.0")


def test_the_balanced_design_is_the_cheapest_for_each_number_of_factors():
    table = rows("balanced_designs")
    weights = grouped(table, "factors", value="weights_per_channel")
    red = {row["factors"]: float(row["weights_per_channel"]) for row in table if row["balanced"] == "1"}
    assert {factors: min(weights[factors,]) for factors in red} == red
    assert [red[str(factors)] for factors in range(2, 8)] == [72, 33, 25, 23, 23, 23]
    assert len(table) == 97
    says("balanced_designs", "all 97 strict designs of 144", "from five factors on", "from 72 to 33, 25 and 23")


def test_the_shrunk_network_fares_as_the_caption_says():
    table = {(row["panel"], row["method"], float(row["share"])): float(row["mean"]) for row in rows("shrunk_network")}
    original = table["weights", "original", 1.0]
    tenth = {method: mean for (panel, method, share), mean in table.items() if panel == "weights" and share < 0.11}
    assert len(tenth) == 4
    assert min(tenth, key=tenth.get) == "low rank"
    assert max(tenth, key=tenth.get) == "pruned"
    assert original - min(tenth.values()) < 2
    assert tenth["pruned"] >= original
    for panel, method, share in table:
        if (panel, method) == ("weights", "rewritten") and share > 0.2:
            assert table[panel, "rewritten", share] == table[panel, "low rank", share]
    assert all(share > 0.95 for panel, method, share in table if panel == "time" and method == "pruned")
    says("shrunk_network", "low rank loses most and pruning nothing", "Pruned networks gain no time")


def test_a_kernel_is_shown_as_it_is_and_in_seven_ways():
    for name, whole in (("six_ways", "as it is"), ("families_as_matrices", "dense")):
        panels = list(dict.fromkeys(row["panel"] for row in rows(name)))
        assert (len(panels), panels[0]) == (8, whole)
        says(name, "seven ways", "Eight ")


def test_whole_branch_widths_cost_channels_at_six_and_seven_factors():
    published_at = {row["pointwise"] for row in rows("igcv2_figure3") if row["series"] == "published"}
    assert not published_at & {"6.0", "7.0"}
    for n, widest in ((6, 171), (7, 153)):
        affordable = [
            K * m for K in range(2, 7) for m in range(1, 200) if K * m * (9 + n * K) <= 4672 and K**n >= K * m
        ]
        assert max(affordable) == widest
    says("igcv2_figure3", "leaves out n = 6 and 7", "only 171 and 153 channels")


def test_only_the_smaller_densenet_is_better_on_cifar100_with_fewer_parameters():
    table = {row[0]: (row[2], row[4]) for row in published("igcv1-table7").rows}
    igc = [table[name] for name in table if name.startswith("IGC-")]
    better = {
        name: parameters < min(igc)[0]
        for name, (parameters, error) in table.items()
        if error is not None and error < min(error for _, error in igc)
    }
    assert {name for name, fewer in better.items() if fewer} == {"DenseNet-BC (k=24)"}
    assert {name.split("-")[0] for name in better} == {"DenseNet", "ResNeXt"}
    says(
        "parameters_against_accuracy", "DenseNet-BC and ResNeXt are better", "DenseNet-BC (k = 24) has fewer parameters"
    )
