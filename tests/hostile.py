# ruff: noqa: E501, T201  # values stand one under the other, and a fault is a line that is printed
"""Hostile values for every public callable: what is called, with what, and what counts as a fault.

The good call of each callable is taken from its docstring's examples, and one argument after the other is replaced. Run as
``python -m tests.hostile PART PARTS`` this prints one JSON line per fault, and last the processor time that it took.
"""

import contextlib
import copy
import datetime
import doctest
import enum
import importlib.util
import inspect
import io
import itertools
import json
import pickle
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from igc_theory.networks.timing import measure

ROOMS = ("structure", "kernels", "budget", "networks", "views", "views.plots")
"""All public modules."""

SECONDS, BYTES = 3, 6 << 30
"""Processor time and memory of a call; time on a clock would depend on who else uses the machine."""

RESULTS = {
    "Answer", "Approximation", "Audit", "BlockFlow", "Derivation", "Explanation", "Factor", "Frontier", "Grade", "LayerGraph",
    "Layer", "OperatorCheck", "PassedOver", "Projection", "PublishedTable", "Recount", "Rewrite", "Step", "Witness", "Window", "Derived",
    "NetworkFlow", "Verdict",
}  # fmt: skip
"""Classes that the library returns and nobody makes: only their methods are called."""

NEEDS_TORCH = set() if importlib.util.find_spec("torch") else {"from_torch", "to_torch"}


# --- what is called -------------------------------------------------------------------------------------------------


@dataclass
class Call:
    """A public callable with arguments that it accepts."""

    name: str
    function: Callable[..., Any]
    arguments: dict[str, Any]
    hints: dict[str, str]
    given: int = 0
    """Arguments that the example gives itself; the others have their defaults."""


def public_callables() -> Iterator[tuple[str, Any, Any]]:
    """Yield (name, owner, attribute) of every public function, constructor and method, each once."""
    seen = set()
    for room in ROOMS:
        module = importlib.import_module(f"igc_theory.{room}")
        for name in dir(module):
            thing = getattr(module, name) if name not in NEEDS_TORCH and not name.startswith("_") else None
            if not callable(thing) or isinstance(thing, types.UnionType) or id(thing) in seen:
                continue
            seen.add(id(thing))
            if not inspect.isclass(thing):
                yield name, None, thing
                continue
            if name not in RESULTS:
                yield name, thing, "__init__" if "__new__" not in vars(thing) else "__new__"
            yield from ((f"{name}.{method}", thing, method) for method in _methods(thing, module))


def _methods(thing: type, module: types.ModuleType) -> Iterator[str]:
    """Yield the public methods of a class; those of a public class above it are called there."""
    for name, method in inspect.getmembers(thing, callable):
        own = (getattr(method, "__module__", "") or "").startswith("igc_theory")
        first = next((base for base in thing.__mro__ if name in vars(base)), thing)
        if own and (first is thing or not hasattr(module, first.__name__)):
            yield from [name] * (not name.startswith("_") or name == "__call__")


def named_networks() -> dict[str, Call]:
    """Return a call of `network` for each family of networks, with the parameters of that family."""
    if "networks" not in ROOMS:
        return {}
    from igc_theory.networks import network
    from igc_theory.networks.zoo.catalogue import FAMILIES

    calls = {}
    for family, builder in FAMILIES.items():
        signature = inspect.signature(builder)
        named = [p.replace(kind=p.KEYWORD_ONLY) for p in signature.parameters.values()]

        def build(family: str = family, **parameters: Any) -> Any:
            return network(family, **parameters)

        build.__signature__ = signature.replace(parameters=named)
        parameters = signature.parameters.items()
        good, hints = {n: p.default for n, p in parameters}, {n: str(p.annotation) for n, p in parameters}
        calls[f"network:{family}"] = Call(f"network:{family}", build, good, hints)
    return calls


def _has_arguments(owner: Any, attribute: Any) -> bool:
    """Return whether there is anything to give it."""
    function = getattr(owner, attribute) if owner is not None else attribute
    try:
        return bool(set(inspect.signature(function).parameters) - {"self", "cls"})
    except ValueError:
        return True


def good_calls(wanted: set[str]) -> dict[str, Call]:
    """Return a good call of each wanted callable, recorded while the examples of the docstrings run."""
    everything = list(public_callables())
    found: dict[str, Call] = {}
    with contextlib.ExitStack() as undo:
        for name, owner, attribute in everything:
            _record(found, name, owner, attribute, undo)
        for name, owner, attribute in everything:
            if name in wanted and name not in found:
                _run_examples(owner if owner is not None else attribute, f"{name}")
    return {name: found[name] for name in sorted(wanted) if name in found}


def _record(  # noqa: C901  # what is recorded sees all that says whether to
    found: dict[str, Call], name: str, owner: Any, attribute: Any, undo: contextlib.ExitStack
) -> None:
    """Let calls from docstrings be noted down until `undo` is closed."""
    raw = inspect.getattr_static(owner, attribute) if owner is not None else attribute
    function = raw.__func__ if isinstance(raw, (classmethod, staticmethod)) else raw
    if not isinstance(function, types.FunctionType):
        return

    def recorder(*args: Any, **kwargs: Any) -> Any:
        call = None
        if sys._getframe(1).f_code.co_filename.startswith("<doctest"):
            with contextlib.suppress(TypeError, pickle.PicklingError, AttributeError):
                call = copied(args, kwargs)
        result = function(*args, **kwargs)  # an example of a refusal ends here
        if call is not None and (name not in found or found[name].given < call.given):
            found[name] = call
        return result

    def copied(args: Any, kwargs: Any) -> Call:
        bound = inspect.signature(function).bind(*args, **kwargs)
        given = len(bound.arguments)
        bound.apply_defaults()
        arguments = {k: v if k in ("self", "cls") else copy.deepcopy(v) for k, v in bound.arguments.items()}
        if attribute in ("__init__", "__new__"):
            arguments.pop(next(iter(arguments)))
        hints = {k: str(p.annotation) for k, p in inspect.signature(function).parameters.items()}
        return Call(name, owner if attribute in ("__init__", "__new__") else function, arguments, hints, given)

    recorder.__doc__, recorder.__module__ = function.__doc__, function.__module__
    if owner is not None:
        wrapped = type(raw)(recorder) if isinstance(raw, (classmethod, staticmethod)) else recorder
        setattr(owner, attribute, wrapped)
        undo.callback(setattr, owner, attribute, raw)
        return
    for module in [m for key, m in sys.modules.items() if key.startswith("igc_theory")]:
        for key in [key for key, value in vars(module).items() if value is function]:
            vars(module)[key] = recorder
            undo.callback(vars(module).__setitem__, key, function)


def _run_examples(thing: Any, name: str) -> None:
    """Run the examples of one docstring, and those of a class's methods, whatever they print."""
    module = sys.modules[thing.__module__]
    finder = doctest.DocTestFinder(exclude_empty=True)
    for test in finder.find(thing, name, module, globs=dict(vars(module)), extraglobs={}):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=lambda _: None)


# --- hostile values -------------------------------------------------------------------------------------------------


class Hostile:
    """Raises from whatever it is asked."""

    def _refuse(self, *_: Any) -> Any:
        raise RuntimeError("hostile")

    __len__ = __iter__ = __index__ = __float__ = __int__ = __array__ = __repr__ = __str__ = __bool__ = __fspath__ = (
        _refuse
    )


class Three:
    """Counts as 3."""

    def __index__(self) -> int:
        return 3


class Colour(enum.IntEnum):
    """An int of another class."""

    RED = 3


@dataclass
class Value:
    """A hostile value: how it is made, the plain form whose result it has to share, and whether it may be refused instead."""

    label: str
    make: Callable[[], Any]
    plain: Any = None
    refusable: bool = False

    @property
    def has_plain(self) -> bool:
        """Whether it stands for a plain value."""
        return self.plain is not None


def _deep() -> list[Any]:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    return deep


def _endless() -> list[Any]:
    loop: list[Any] = [1]
    loop.append(loop)
    return loop


SCALARS = [
    0, -1, 1, 2, 3, 7, 64, 10**6, 2**31, 2**53 + 1, 2**63, 10**18, 10**400, -(10**400), True, False, 0.0, -0.0, 0.5, 1.5, -2.5, 2.0,
    1e308, 5e-324, float("nan"), float("inf"), -float("inf"), 1j, "", "x", "5", "a" * 5000, "a\udc80", "\0", "∞", b"", b"\x02\x04",
    None, ..., NotImplemented, Fraction(1, 2), Fraction(4), Decimal("2.5"), datetime.date(2020, 1, 1), datetime.timedelta(1),
    int, float, len, ValueError("x"), Path("nowhere"), np.float64, np.dtype("f4"), slice(3),
]  # fmt: skip

WITH_PLAIN = [
    (np.int8(3), 3), (np.int16(64), 64), (np.int32(2), 2), (np.int64(4), 4), (np.uint8(2), 2), (np.uint64(3), 3), (Colour.RED, 3),
    (np.float64(0.5), 0.5), (np.float32(0.25), 0.25), (np.float16(2.0), 2.0), (np.bool_(True), True), (np.bool_(False), False),
    (np.int8(100), 100), (np.uint16(1000), 1000),
]  # fmt: skip

REFUSABLE: list[tuple[str, Callable[[], Any], Any]] = [
    ("Three()", Three, 3), ("str_", lambda: np.str_("x"), "x"), ("longdouble", lambda: np.longdouble(0.5), 0.5),
    ("range(0)", lambda: range(0), []), ("range(3)", lambda: range(3), [0, 1, 2]), ("dict keys", {2: 1}.keys, [2]),
    ("generator", lambda: (n for n in (2, 4)), [2, 4]),
]  # fmt: skip

MADE: dict[str, Callable[[], Any]] = {
    "[]": list, "()": tuple, "{}": dict, "set()": set, "{2: 4}": lambda: {2: 4}, "{8, 2}": lambda: {8, 2}, "[None]": lambda: [None],
    "frozenset": lambda: frozenset({2, 4}), "[2, 4]": lambda: [2, 4], "(2, 2)": lambda: (2, 2), "(2, 2, 2)": lambda: (2, 2, 2),
    "[0]": lambda: [0], "[-1, 2]": lambda: [-1, 2], "[1.5]": lambda: [1.5], "['x']": lambda: ["x"], "[[1], [2, 3]]": lambda: [[1], [2, 3]],
    "[True, False]": lambda: [True, False], "[10**400]": lambda: [10**400], "[nan]": lambda: [float("nan")], "deep list": _deep,
    "list in itself": _endless, "endless": itertools.count,
    "bytearray": lambda: bytearray(b"\x02"), "memoryview": lambda: memoryview(b"\x02\x04"), "object": object, "hostile": Hostile,
    "lambda": lambda: lambda: None, "module": lambda: np, "array(4)": lambda: np.array(4), "array([])": lambda: np.array([]),
    "zeros (0, 3)": lambda: np.zeros((0, 3)), "ones (3,)": lambda: np.ones(3), "ones (2, 2)": lambda: np.ones((2, 2)),
    "ones (2, 2, 2, 2, 2)": lambda: np.ones((2,) * 5), "nan array": lambda: np.full((4, 4), np.nan),
    "inf array": lambda: np.full((4, 4), np.inf), "text array": lambda: np.full((4, 4), "a"), "1e200 array": lambda: np.full((4, 4), 1e200),
    "object array": lambda: np.array([object()]), "dates": lambda: np.zeros(4, "M8[s]"), "spans": lambda: np.zeros(4, "m8[s]"),
    "masked": lambda: np.ma.masked_array([2, 4], [True, False]), "record": lambda: np.zeros(2, "i4,f4"), "bools": lambda: np.ones(4, bool),
    "complex": lambda: np.ones((4, 4), complex), "int8 array": lambda: np.array([100, 100], np.int8), "half": lambda: np.ones((4, 4), "f2"),
    "uint64 array": lambda: np.array([2**63], np.uint64), "long doubles": lambda: np.ones((4, 4), np.longdouble),
    "matrix": lambda: np.asmatrix(np.eye(4)), "random state": lambda: np.random.RandomState(0), "file": lambda: io.BytesIO(b"x"),
}  # fmt: skip


def hostile_values(good: Any, argument: str) -> Iterator[Value]:
    """Yield hostile values: those for everything, and disguises of a good value, which have to be taken for what they are."""
    yield from (Value(repr(value)[:40], lambda value=value: value) for value in SCALARS)
    yield from (Value(label, make, plain, refusable=True) for label, make, plain in REFUSABLE)
    yield from (Value(repr(value), lambda value=value: value, plain) for value, plain in WITH_PLAIN)
    yield from (Value(label, make) for label, make in MADE.items())
    if type(good) is int and 0 <= good < 128:
        yield from (
            Value(f"{kind.__name__}({good})", lambda kind=kind: kind(good), good)
            for kind in (np.int8, np.uint64, np.int64)
        )
    if isinstance(good, (list, tuple)) and good and all(type(entry) is int for entry in good):
        yield Value(
            "int8 entries", lambda: type(good)(np.int8(entry) if entry < 128 else entry for entry in good), good
        )
    if isinstance(good, (list, tuple)) and (array := _array_or_none(good)) is not None:
        yield Value("masked array", lambda: np.ma.masked_array(array, np.zeros(array.shape, bool)))
        yield Value("as an array", array.copy, good, refusable=True)
        if np.array_equal(array.astype(np.int8), array):
            yield Value("as small integers", lambda: array.astype(np.int8), good, refusable=True)
    if isinstance(good, np.ndarray) and good.ndim and good.dtype.kind in "fiu":
        yield Value("masked good", lambda: np.ma.masked_array(good, np.zeros(good.shape, bool)))
        if argument == "out":  # what is written into has no other form
            return
        yield Value("as nested lists", good.tolist, good)
        yield Value("Fortran order", lambda: np.asfortranarray(good), good)
        yield Value("other byte order", lambda: good.astype(good.dtype.newbyteorder(">")), good)
        yield Value("read-only", lambda: _frozen(good), good)


def _array_or_none(numbers: Any) -> np.ndarray | None:
    """Return nested lists of numbers as an array, None for what is something else."""
    with contextlib.suppress(ValueError, TypeError, OverflowError, RuntimeError):
        array = np.array(numbers)
        return array if array.dtype.kind in "iuf" and array.size else None
    return None


def _frozen(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.setflags(write=False)
    return array


# --- what is a fault ------------------------------------------------------------------------------------------------

NUMBERS, SEQUENCES = (
    (int, float, Fraction, np.integer, np.floating),
    (list, tuple, range, np.ndarray, types.GeneratorType),
)

ADMITTED: dict[str, tuple[type, ...]] = {
    r"\bAny\b|\bobject\b|_empty|TypeVar": (object,),
    r"\bstr\b|PathLike|Path\b|Padding": (str, Path),
    r"\bbool\b": (bool, np.bool_),
    r"\bint\b|Area|Window|Factors|Padding|Pair": (int, np.integer, Three),
    r"\bfloat\b": (int, float, np.integer, np.floating, Fraction),
    r"Quantity|ArrayLike": (*NUMBERS, np.ndarray, Three, list, tuple, range),
    r"Sequence|Iterable|list\[|Array|NDArray": (*SEQUENCES, type({}.keys()), itertools.count),
    r"tuple\[|Window|Area|Padding|Pair|Factors|Shape": (tuple, list),
    r"Mapping|dict\[|Table|Columns": (dict, types.MappingProxyType),
    r"Callable|Functions": (types.FunctionType, types.BuiltinFunctionType, type),
    r"DType|NumberType": (str, type, np.dtype),
    r"None|Optional": (type(None),),
    r"ArrayLike|Quantity|Array\b|NDArray": (bool, np.bool_, complex, *NUMBERS),
}  # fmt: skip


def admits(hint: str, value: Any) -> bool:
    """Return whether a signature's annotation allows the kind of a value, whatever else is asked of it."""
    if isinstance(value, (bytearray, memoryview, bytes)):
        return False
    kinds = tuple(kind for pattern, some in ADMITTED.items() if re.search(pattern, hint) for kind in some)
    if isinstance(value, (bool, np.bool_)) and not re.search(r"bool|Any|object|_empty|ArrayLike|Quantity|Array", hint):
        return False
    return isinstance(value, kinds) and not isinstance(value, np.ma.MaskedArray)


LISTABLE = (range, type({}.keys()), np.ndarray, types.GeneratorType)
"""What is taken for a sequence has to give the result of the list of its entries."""


class TooLongError(BaseException):
    """The time is over; no library's ``except Exception`` catches it."""


def _outcome(call: Call, argument: str, value: Any) -> tuple[str, Any]:
    """Return ("accepted", result), ("refused", message), or a fault with its details."""
    arguments = {
        name: copy.deepcopy(good) for name, good in call.arguments.items() if name not in ("self", "cls", argument)
    }
    arguments |= {name: good for name, good in call.arguments.items() if name in ("self", "cls")} | {argument: value}
    before = {name: _digest(given) for name, given in arguments.items() if name != "self"}
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            result = _called(call.function, arguments)
            result = list(itertools.islice(result, 3)) if isinstance(result, types.GeneratorType) else result
    except (ValueError, TypeError) as error:
        return _refusal(error, argument)
    except AssertionError as error:  # a negative answer, where the docstring says so
        said = "AssertionError" in (call.function.__doc__ or "")
        return _refusal(error, argument) if said else ("internal error", repr(error)[:100])
    except OSError as error:  # what the system says of a file stays as it is
        return ("refused", str(error)) if argument in ("path", "model") else ("internal error", repr(error)[:100])
    except TooLongError:
        return "too long", f"more than {SECONDS} s"
    except Exception as error:
        return "internal error", f"{type(error).__name__}: {str(error)[:100]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    changed = [name for name, digest in before.items() if name != "out" and digest != _digest(arguments[name])]
    return ("modified", ", ".join(changed)) if changed else ("accepted", result)


def _called(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call with positional arguments where a signature asks for them."""
    given, positional, keywords = dict(arguments), [], {}
    target = function
    for name, parameter in inspect.signature(target).parameters.items():
        if name not in given:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += given[name] if type(given[name]) is tuple else [given[name]]
        elif parameter.kind is parameter.VAR_KEYWORD:
            keywords |= given[name]
        elif parameter.kind is parameter.KEYWORD_ONLY:
            keywords[name] = given[name]
        else:
            positional.append(given[name])
    return target(*positional, **keywords)


def _refusal(error: Exception, argument: str) -> tuple[str, Any]:
    """Return whether an error is the library's own and names the argument in a readable sentence."""
    message, where = str(error), traceback.extract_tb(error.__traceback__)[-1].filename
    if "igc_theory" not in where:
        return "foreign error", f"{type(error).__name__}: {message[:100]}"
    if not re.search(rf"\b{argument}\b", message):
        return "argument not named", message[:120]
    if len(message) > 700:
        return "endless message", message[:80]
    return "refused", message


def _digest(value: Any) -> Any:
    """Return something that changes when a value of plain data or an array does."""
    if isinstance(value, np.ndarray):
        return value.shape, str(value.dtype), value.tobytes() if value.dtype != object else None
    if isinstance(value, (list, tuple)) and len(value) < 50:
        return [_digest(entry) if isinstance(entry, np.ndarray) else id(entry) for entry in value]
    return len(value) if isinstance(value, (dict, set)) else None


def same(one: Any, other: Any, depth: int = 0) -> bool:
    """Return whether two results say the same."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        numeric = one.dtype.kind in "fc"
        return bool(np.array_equal(one, other, equal_nan=numeric))
    if isinstance(one, (list, tuple)) and depth < 4:
        return len(one) == len(other) and all(same(a, b, depth + 1) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and depth < 4:
        return list(one) == list(other) and all(same(one[key], other[key], depth + 1) for key in one)
    if is_dataclass(one) and depth < 4:
        return same(
            vars(one) if hasattr(one, "__dict__") else repr(one),
            vars(other) if hasattr(other, "__dict__") else repr(other),
            depth + 1,
        )
    if isinstance(one, (int, float, complex, str, bytes)):
        return one == other or one != one
    return _written(one) == _written(other)


def _written(value: Any) -> str:
    """Return the repr without addresses."""
    try:
        return re.sub(r" at 0x\w+", "", repr(value))
    except Exception as error:
        return f"{type(value).__name__} without a repr ({error!r:.80})"


def faults_of(call: Call, progress: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """Yield what goes wrong when one argument of a call is replaced by hostile values."""
    for argument in [name for name in call.arguments if name not in ("self", "cls", "args", "kwargs", "parameters")]:
        plain = _plain_outcomes(call, argument)
        for value in hostile_values(call.arguments[argument], argument):
            progress(f"{call.name}({argument}={value.label})")
            fault = _fault(call, argument, value, plain)
            if fault is not None:
                yield {
                    "call": call.name,
                    "argument": argument,
                    "value": value.label,
                    "fault": fault[0],
                    "detail": str(fault[1]),
                }
    yield from _faults_in_columns(call, progress)


STRANGE_ENTRIES = [-1, 2**31, 2**53 + 1, 10**400, -1e308, float("nan"), 1j, None, b"x", "\udc80"]
"""What the last entry of a column is replaced by."""


def _faults_in_columns(call: Call, progress: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """Yield what goes wrong when the last entry of one column of a picture is strange."""
    columns = call.arguments.get("columns")
    if not isinstance(columns, dict) or not call.name.startswith("plot_"):
        return
    for name, entry in itertools.product(columns, STRANGE_ENTRIES):
        value = repr(entry)[:40]
        progress(f"{call.name}(columns[{name!r}][-1]={value})")
        kind, detail = _outcome(call, "columns", {**columns, name: [*list(columns[name])[:-1], entry]})
        if kind not in ("accepted", "refused"):
            yield {
                "call": call.name,
                "argument": f"columns[{name!r}]",
                "value": value,
                "fault": kind,
                "detail": str(detail),
            }


def _plain_outcomes(call: Call, argument: str) -> Callable[[Any], tuple[str, Any]]:
    """Return a function that says what becomes of a plain value, and calls once for each."""
    seen: dict[str, tuple[str, Any]] = {}

    def outcome(value: Any) -> tuple[str, Any]:
        key = "good" if value is call.arguments[argument] else repr(value)
        if key not in seen:
            seen[key] = _outcome(call, argument, value)
        return seen[key]

    return outcome


def _fault(
    call: Call, argument: str, value: Value, plain_outcome: Callable[[Any], tuple[str, Any]]
) -> tuple[str, Any] | None:
    given = value.make()
    kind, result = _outcome(call, argument, given)
    if kind == "refused":
        disguised = value.has_plain and not value.refusable and plain_outcome(value.plain)[0] == "accepted"
        return ("disguise refused", result[:100]) if disguised else None
    if kind != "accepted":
        return kind, result
    if value.has_plain:
        plain, what = plain_outcome(value.plain)
        if plain != "accepted":
            return "accepted in disguise", what
        return None if same(result, what) else ("another result", f"{_written(result)[:60]} for {_written(what)[:60]}")
    good = call.arguments[argument]
    if admits(call.hints.get(argument, "Any"), given) or type(given) is type(good):
        return None
    if isinstance(given, LISTABLE) and not isinstance(given, np.ma.MaskedArray):  # a list would lose the mask
        entries = given.tolist() if isinstance(given, np.ndarray) else list(value.make())
        plain, what = _outcome(call, argument, entries)
        return None if plain == "accepted" and same(result, what) else ("not as its list", _written(result)[:80])
    return "accepted", _written(result)[:80]


def main(part: int, parts: int, skip: list[str]) -> None:
    """Print a JSON line for every fault among this part's callables, before each call where it is, and last the time."""
    names = sorted({name for name, _, _ in public_callables()})[part::parts]
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, _stop)
    measure.chain_time = lambda *_, **__: 1.0  # what is asked matters here, not how long it takes
    calls = good_calls(set(names)) | dict(sorted(named_networks().items())[part::parts])
    missing = {name for name, owner, attribute in public_callables() if _has_arguments(owner, attribute)} & set(names)
    print(json.dumps({"calls": sorted(calls), "missing": sorted(missing - set(calls))}), flush=True)
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    places = [("", 0.0)]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for call in calls.values():
            if call.name in skip:
                continue
            for fault in faults_of(call, partial(_say, sys.stdout, places)):
                print(json.dumps(fault), flush=True)
            if plots := sys.modules.get("matplotlib.pyplot"):
                plots.close("all")
    _say(sys.stdout, places, "the end")
    lasted = sorted(((after[1] - place[1], place[0]) for place, after in itertools.pairwise(places)), reverse=True)
    print(
        f"# {time.process_time():.0f} s of processor time; most for",
        *(f"{place} {s:.2f} s" for s, place in lasted[:9]),
        sep="\n# ",
    )


def _say(out: Any, places: list[tuple[str, float]], place: str) -> None:
    """Print which call comes next, for the one that kills the process, and note the processor time."""
    places.append((place, time.process_time()))
    out.write(f"@{place}\n".encode("utf-8", "replace").decode("utf-8", "replace"))
    out.flush()


def _stop(*_: Any) -> None:
    raise TooLongError


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
