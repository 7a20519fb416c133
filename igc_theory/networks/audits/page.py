"""The first page of an audit, for a terminal and for a browser: totals, flow, exactness, and what to replace."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from textwrap import wrap

from igc_theory.networks.audits.audit import Audit
from igc_theory.networks.audits.data import BYTES
from igc_theory.networks.audits.plan import ReplacementPlan
from igc_theory.networks.audits.survey import Survey
from igc_theory.networks.audits.tables import SPARE, action_table, audit_tables
from igc_theory.networks.description.layer_graph import NO_SHAPE, LayerGraph
from igc_theory.structure.arguments.kinds import instance_of

__all__ = ["audit_page", "first_page", "paragraphs", "survey_page"]

STYLE = """\
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; }
table { border-collapse: collapse; margin: 2em 0; display: block; overflow-x: auto; }
caption { text-align: left; font-weight: bold; padding: .4em 0; }
th, td { padding: .15em .7em; border-bottom: 1px solid #ddd; white-space: nowrap; }
th { vertical-align: bottom; }
h1, p { overflow-wrap: anywhere; }
.first td { white-space: normal; overflow-wrap: anywhere; }
.first td:is([style*=right], :nth-child(n+4)) { white-space: nowrap; overflow-wrap: normal; }
@media (max-width: 44em) {
  .first :is(th, td) { padding: .15em .3em; font-size: 13px; }
  .actions :is(th, td):is(:nth-child(2), :nth-child(4), :nth-child(6)) { display: none; }
}
"""


def first_page(audit: Audit, width: int = 80, top: int = 10) -> str:
    """Return what to know first, as text that fits a terminal: totals, flow, exactness, and the best actions.

    Parameters
    ----------
    audit : Audit
        From `audit`.
    width : int, default 80
        Letters per line.
    top : int, default 10
        How many actions are shown.

    Returns
    -------
    str

    Examples
    --------
    >>> from igc_theory.networks import audit, network
    >>> print(first_page(audit(network("igc_l24m2", depth=5)), width=72))
    igc_l24m2(depth=5) ([Zhang2017], section 5.1): 21,562 parameters,
    5,162,880 multiply–adds for an image of 3×32×32; at most 384 KiB read
    and written by one layer.
    Exact: every operator that holds numbers or multiplies is counted.
    Flow: Every one of 4 blocks joins every pair of channels.
    2 layers can be replaced: 14.9% of the parameters, 25.7% of the
    multiply–adds.
    <BLANKLINE>
    What chains of sparse factors would cost, trained anew; largest saving
    first
    layer    from           to           was  weights  network
    conv1    3×3 3→48       1 × 3 × 1  1,296       84   20,350
    linear1  linear 192→10  96 × 2     1,920      980   19,410
    not shown: multiply–adds
    After all 2 actions: 19,410 parameters (90.0%), 3,920,852 multiply–adds
    (75.9%). Fewer weights are not less time: --measure times these here,
    --table predicts it. Accuracy is not known before training.
    """
    totals, *others = paragraphs(audit)
    lines = [line for paragraph in (totals, *others) for line in wrap(paragraph, width, break_on_hyphens=False)]
    if audit.plan.actions:
        lines += ["", action_table(audit.plan, _title(audit.plan), top).fitted(width, SPARE)]
        lines += wrap(_after(audit, top), width, break_on_hyphens=False)
    return "\n".join(lines)


def paragraphs(audit: Audit) -> Iterator[str]:
    """Yield the sentences of the first page: totals, what is not counted, flow, what can be replaced.

    Examples
    --------
    >>> from igc_theory.networks import audit, network
    >>> for sentence in paragraphs(audit(network("shufflenet"))):
    ...     print(sentence.partition(": ")[0])
    shufflenet ([Zhang2018], table 1, figure 2(c))
    Exact
    Flow
    3 layers can be replaced
    """
    network = audit.network
    yield _totals(network)
    yield _exactness(network)
    yield _flow(audit)
    yield _replaceable(audit)


def _totals(network: LayerGraph) -> str:
    shape = "×".join(map(str, network.input_shape))
    kib = BYTES * network.peak_activations / 1024
    products = f"{network.multiply_adds:,} multiply–adds"
    if network.activation_multiply_adds:
        products += f" and {network.activation_multiply_adds:,} of activations by activations"
    source = f" ({network.source})" if network.source else ""
    size = f"at most {kib:,.0f} KiB read and written by one layer"
    return f"{network.name}{source}: {network.parameters:,} parameters, {products} for an image of {shape}; {size}."


def _exactness(network: LayerGraph) -> str:
    if network.exact:
        return "Exact: every operator that holds numbers or multiplies is counted."
    said = network.reservation.removeprefix("; ")
    return f"{said[0].upper()}{said[1:]}.{_advice(network)}"


def _advice(network: LayerGraph) -> str:
    """Return what to do about layers that have no shape, where that may be because of the size of the image."""
    if not network.open_sides:
        return ""
    missing = sum(entry.reason == NO_SHAPE for entry in network.passed_over)
    return (
        f" {missing} layers do not work at this size and are not counted: give the right one (--input)."
        if missing
        else ""
    )


def _flow(audit: Audit) -> str:
    """Return which stages fall apart, or else which blocks; what is not known is said too."""
    if audit.flow is None:
        return "Flow: not known, for only the layers are described, not what joins them."
    if not audit.flow.blocks:
        return "Flow: no blocks to look at."
    sentences = [f"{sentence[0].upper()}{sentence[1:]}." for sentence in audit.flow.sentences[:4]]
    found = " ".join(sentences) if sentences else "in every block each output depends on each input."
    return f"Flow: {found}{_apart(audit)}"


def _apart(audit: Audit) -> str:
    """Return which chains of group convolutions are not dense by themselves; a dense layer in the same block hides that."""
    apart = [found for found in audit.chains if found.grade.missing]
    if not apart:
        return ""
    first, count = apart[0], len(apart)
    ends, grade = f"{first.layers[0]} to {first.layers[-1]}", str(first.grade)
    if count == 1:
        return f" The group convolutions {ends} are {grade}."
    return f" {count} chains of group convolutions are not dense, the first {ends}{grade.removeprefix('not dense')}."


def _replaceable(audit: Audit) -> str:
    """Return how much of the network the layers are that can be replaced."""
    weights = sum(layer.parameters for layer in audit.layers)
    products = sum(layer.multiply_adds for layer in audit.layers)
    network, count = audit.network, len(audit.layers)
    if not count:
        return "No layer can be replaced: none is a matrix between several channels."
    shares = f"{_share(weights, network.parameters)} of the parameters, {_share(products, network.multiply_adds)}"
    layers = f"{count} layer{'s' * (count > 1)} can be replaced: {shares} of the multiply–adds."
    unmeasured = sum(bool(layer.unmeasured) for layer in audit.layers)
    return f"{layers} Of {unmeasured} no errors were measured (--full says why)." if unmeasured else layers


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"


def _title(plan: ReplacementPlan) -> str:
    """Return what the actions are."""
    if plan.relative_error is None:
        return "What chains of sparse factors would cost, trained anew; largest saving first"
    unit = {"bits": "weights", "multiply_adds": "multiply–adds", "latency": "milliseconds"}[plan.objective]
    return f"What to replace so that {plan.keep:.0%} of their {unit} are left with the least error; best first"


def _after(audit: Audit, top: int) -> str:
    """Return the totals after all actions, and what the numbers are not."""
    network, plan = audit.network, audit.plan
    last, count = plan.actions[-1], len(plan.actions)
    more = f" ({count - top} not shown)" if count > top else ""
    left = (
        f"After {'this action' if count == 1 else f'all {count} actions'}{more}: {last.network_parameters:,} parameters "
        f"({_share(last.network_parameters, network.parameters)}), {last.network_multiply_adds:,} multiply–adds "
        f"({_share(last.network_multiply_adds, network.multiply_adds)})"
    )
    error = "" if plan.relative_error is None else f", error {plan.relative_error:.3f}"
    short = "" if plan.reached else " No choice of these leaves as few as asked for."
    gap = f" The squared error may be {plan.gap:.1%} above the least one." if plan.gap > 0 else ""
    return f"{left}{error}.{short}{gap}{_time(audit)}{_measured(plan)}{_caveat(plan)}"


def _time(audit: Audit) -> str:
    """Return the predicted time before and after, and where it holds."""
    before, last = audit.times, audit.plan.actions[-1].network_milliseconds
    if before is None or last is None:
        return " Fewer weights are not less time: --measure times these here, --table predicts it."
    low, high = (
        factor / before.milliseconds * last if before.milliseconds else 0.0 for factor in (before.low, before.high)
    )
    count = before.passed_over
    passed = f"; {count} layer{'s' * (count > 1)} of other kinds left out" if count else ""
    times = (
        f" Predicted for one image: {before.milliseconds:.3g} ms before, {last:.3g} ms after ({low:.3g} to {high:.3g})"
    )
    return f"{times}, with {before.machine}{passed}."


def _measured(plan: ReplacementPlan) -> str:
    """Return what was measured here, and what is no faster."""
    timed = [action for action in plan.actions if action.measured]
    if not timed:
        return ""
    before, after = (sum(times) for times in zip(*(action.measured or () for action in timed), strict=True))
    slower = [action.layer.layer for action in timed if action.measured and action.measured[0] <= action.measured[1]]
    layers = "the layer" if len(timed) == 1 else f"the {len(timed)} layers"
    runtime, threads = plan.machine.get("runtime"), plan.machine.get("threads")
    with_ = f"{runtime} on {threads} thread{'s' * (threads != '1')}"
    no_faster = f"; not faster there: {', '.join(slower)}" if slower else ""
    return f" Measured here with {with_}: {layers} {before:.3g} ms before, {after:.3g} ms after{no_faster}."


def _caveat(plan: ReplacementPlan) -> str:
    if plan.relative_error is None:
        return " Accuracy is not known before training."
    return " Errors are relative, of the weights; accuracy asks for fine-tuning."


def audit_page(audit: Audit) -> str:
    """Return the audit as a web page of its own, which asks for nothing from elsewhere.

    Parameters
    ----------
    audit : Audit
        From `audit`.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    TypeError
        If `audit` is something else.

    Examples
    --------
    >>> from igc_theory.networks import audit, network
    >>> audit_page(audit(network("mobilenet_v1")))[:15]
    '<!DOCTYPE html>'
    """
    instance_of("audit", audit, Audit, "give what audit(network) returns")
    actions = ""
    if audit.plan.actions:
        table = action_table(audit.plan, _title(audit.plan))._repr_html_()
        actions = f"<div class='first actions'>{table}</div><p>{escape(_after(audit, len(audit.plan.actions)))}</p>"
    first = "".join(f"<p>{escape(sentence)}</p>" for sentence in paragraphs(audit))
    strip = audit.flow._repr_html_() if audit.flow and audit.flow.blocks else ""
    tables = "".join(table._repr_html_() for table in audit_tables(audit))
    return _document(f"Audit of {audit.network.name}", f"{first}{actions}{strip}{tables}")


def survey_page(survey: Survey) -> str:
    """Return a survey as a web page of its own.

    Examples
    --------
    >>> from igc_theory.networks.audits.survey import survey
    >>> "1 network: 1 audited" in survey_page(survey(["igc_l4m8"], progress=False))
    True
    """
    reasons = "".join(f"<p>{escape(sentence)}</p>" for sentence in survey.reasons)
    return _document("Audit of several networks", f"<div class='first'>{survey.table()._repr_html_()}</div>{reasons}")


def _document(title: str, body: str) -> str:
    """Return a page with a title."""
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{escape(title)}</title>"
    return (
        f"<!DOCTYPE html>\n<html lang='en'><head>{head}<style>{STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )
