"""What a network costs layer by layer, how its group convolutions connect channels, and which layers to replace."""

from __future__ import annotations

import os
from dataclasses import dataclass

from igc_theory.budget.latency import Latency, LatencyTable
from igc_theory.kernels.threads import one_blas_thread
from igc_theory.networks.audits.chains import ChainAudit, chain_audits
from igc_theory.networks.audits.plan import ReplacementPlan, planned, timed_plan
from igc_theory.networks.audits.replaceable import Replaceable, options_of, questions_of, timed
from igc_theory.networks.audits.workers import in_order, worker_count
from igc_theory.networks.description.layer_graph import LayerGraph, network_of
from igc_theory.networks.description.network import Network
from igc_theory.networks.paths.flow import NetworkFlow, channel_flow
from igc_theory.networks.timing.measure import layer_timer, setting
from igc_theory.networks.timing.prediction import latency
from igc_theory.networks.timing.runtimes import machine
from igc_theory.networks.timing.tables import known_table
from igc_theory.structure.arguments.kinds import choice_of, flag
from igc_theory.structure.arguments.numbers import positive_int, real_number

__all__ = ["OBJECTIVES", "Audit", "audit"]

OBJECTIVES = ("bits", "multiply_adds", "latency")
"""What is to be saved."""


@dataclass(frozen=True, eq=False)
class Audit:
    """All that `audit` found.

    Attributes
    ----------
    network : LayerGraph
    chains : tuple of ChainAudit
        Runs of convolutions with branches, with their grades.
    layers : tuple of Replaceable
        Every layer that is a matrix between channels, and the ways to compute it.
    plan : ReplacementPlan
        Which of them to replace by what.
    flow : NetworkFlow or None
        How its blocks and stages connect channels; None where only its layers are known, not what joins them.
    times : Latency or None
        What the network takes as it is, where times are predicted.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> found = audit(network("igc_l24m2", depth=5), progress=False)
    >>> found
    Audit of igc_l24m2(depth=5): 2 of 2 layers that can be replaced are; networks.audits.page.first_page tells more
    >>> len(found.chains), len(found.layers)
    (3, 2)
    """

    network: LayerGraph
    chains: tuple[ChainAudit, ...]
    layers: tuple[Replaceable, ...]
    plan: ReplacementPlan
    flow: NetworkFlow | None = None
    times: Latency | None = None

    def __repr__(self) -> str:
        actions = f"{len(self.plan.actions)} of {len(self.layers)} layers that can be replaced are"
        return f"Audit of {self.network.name}: {actions}; networks.audits.page.first_page tells more"


@one_blas_thread()
def audit(
    network: LayerGraph,
    *,
    keep: float = 0.5,
    objective: str = "bits",
    table: LatencyTable | str | os.PathLike[str] | None = None,
    measure: int = 0,
    workers: int = 1,
    progress: bool = True,
) -> Audit:
    """Return what a network costs, how it connects channels, and which of its dense layers to replace by what.

    Parameters
    ----------
    network : LayerGraph
        From `network`, `read_onnx` or `from_torch`. With weights, the errors of replacements are measured; without, the cheapest
        chains are listed, to be trained anew.
    keep : float, default 0.5
        Share of the cost of the layers that can be replaced which may be left, from 0 to 1.
    objective : {"bits", "multiply_adds", "latency"}, default "bits"
        What is to be saved: 32 bits per weight, and indices of channels; multiply–adds; or predicted time.
    table : LatencyTable, str or path-like, optional
        What `measure` returned, or its file: then times are predicted. Without it ``objective="latency"`` takes the table that
        comes with the library, of another machine.
    measure : int, default 0
        How many of the best actions are timed on this machine, in the runtime of the table: the layer, and what stands in for it.
        With ``objective="latency"`` they are ranked by that. It takes about a second each.
    workers : int, default 1
        Processes that share the layers, through joblib (the extra ``onnx``); -1 for one per core, never more than there are layers
        or cores. Within ``joblib.parallel_config`` another backend, such as Dask's or Ray's, takes the work over.
    progress : bool, default True
        Whether a progress bar is shown in a terminal.

    Returns
    -------
    Audit

    Raises
    ------
    ImportError
        If more than one worker is asked for and joblib is missing; or if layers are to be timed, and the runtime is.
    TypeError, ValueError
        If `network` is not a network, an argument is none of those above, or nothing can be timed in the runtime of the table.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> found = audit(network("shufflenet", groups=3))
    >>> print(found.chains[1].grade)
    dense, uneven: 6 to 7 paths per pair
    >>> action = audit(network("vgg16")).plan.actions[0]
    >>> action.layer.layer, action.option.name, action.network_parameters
    ('linear1', '49 × 4 × 4 × 4 × 4 × 2', 35871528)
    """
    network = network_of("network", network)
    keep, objective = real_number("keep", keep, least=0, most=1), choice_of("objective", objective, OBJECTIVES)
    workers, progress = worker_count(workers), flag("progress", progress)
    measure = positive_int("measure", measure, minimum=0, way_out="give a number of actions, or 0 to time none")
    known = known_table(table) if table is not None or objective == "latency" or measure else None
    timer = layer_timer(known) if known and measure else None
    how = {"workers": workers, "progress": progress, "what": "auditing", "unit": "layer"}
    layers = in_order(options_of, [(question,) for question in questions_of(network)], **how)
    times: Latency | None = None
    if known:
        layers, times = [timed(layer, known) for layer in layers], latency(network, known)
    plan = planned(network, layers, keep, objective, times.milliseconds if times else None)
    if known and timer:
        plan = timed_plan(network, plan, measure, timer, machine(*setting(known)), progress)
    joined = isinstance(network, Network) or network.graph is not None
    flow = channel_flow(network) if joined else None
    return Audit(network, chain_audits(network), tuple(layers), plan, flow, times)
