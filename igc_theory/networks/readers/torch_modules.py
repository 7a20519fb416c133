"""PyTorch modules as networks, to count and to audit.

With `aten/tracer` beside it and `networks/rewriting/torch_modules` the only module of the library that imports torch
(the extra ``torch``).
"""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from os import PathLike
from types import SimpleNamespace
from typing import Any, Union

import numpy as np

from igc_theory.networks.description.graph import Graph
from igc_theory.networks.description.layer_graph import LayerGraph
from igc_theory.networks.readers.aten.tracer import Looks, Tracer, UnseenError
from igc_theory.networks.readers.operators.layers import layer_graph
from igc_theory.structure.arguments.kinds import instance_of, kind_of, shown
from igc_theory.structure.arguments.numbers import positive_int

try:
    import torch
    from torch import nn
    from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
except ImportError:  # the name is there without the extra, and says on use what is missing
    torch, nn = None, SimpleNamespace(Module=object)

__all__ = ["from_torch"]

Sizes = tuple[int, ...]
NumberType = Union[str, "np.dtype[Any]", "torch.dtype"]
Inputs = tuple[tuple[Any, ...], dict[str, Any]]
"""What a module is called with: by place, and by name."""


def from_torch(
    module: nn.Module,
    input_shape: Sizes | Sequence[Sizes] | Mapping[str, Sizes],
    *,
    dtype: NumberType | Sequence[NumberType] | Mapping[str, NumberType] | None = None,
) -> LayerGraph:
    """Return any PyTorch module as a network, to count and to audit.

    The module runs once, in evaluation mode, on tensors that have a shape and no numbers. If its code looks at numbers that
    depend on the input, it runs on zeros instead, and its branches are fixed as they are taken then. Nothing is exported or
    copied: the weights of the layers are read-only views of the module's own. The module itself is left as it is.

    Parameters
    ----------
    module : torch.nn.Module
        Any: scripted and traced ones, with weights that are shared or computed, on any device.
    input_shape : tuple of int, or sequence or mapping of such
        Shape of what it reads without the batch, such as (channels, height, width). For several inputs a tuple of shapes, or a
        mapping from the names in the module's `forward`.
    dtype : str, torch.dtype or numpy.dtype, or sequence or mapping of such, optional
        Type of the numbers it reads, such as ``"int64"``; for several inputs a sequence or mapping of such. By default that of the
        real parameters, else of the complex ones, or for a module that refuses this ``"float32"`` or ``"int64"``.

    Returns
    -------
    LayerGraph
        Its layers know their weights; what is not a layer is in `passed_over`.

    Raises
    ------
    ImportError
        If PyTorch is not installed; the sentence names the extra.
    TypeError
        If `module` is not a torch.nn.Module, or `dtype` of another kind than those above.
    ValueError
        If `input_shape` is not made of positive integers, or the module cannot read it, or has parameters without a shape yet.

    Notes
    -----
    A complex number counts as one parameter, which is two real numbers, and a complex multiply–add as one, which is four real ones.

    Examples
    --------
    >>> from igc_theory.networks import to_torch
    >>> from igc_theory.structure import igcv3
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), to_torch(igcv3(8, 8)))
    >>> from_torch(module, (3, 32, 32)).counts
    Counts(convolution=1032, batch_norm=16, linear=0, bias=8)
    """
    if torch is None:
        raise ImportError("from_torch needs PyTorch: pip install torch")
    if not isinstance(module, nn.Module):
        raise TypeError(f"module={shown(module)} is {kind_of(module)}: give {_module_of(module)}")
    shapes = _shapes(input_shape)
    _refuse_lazy(module)
    graph = _graph(module, shapes, dtype)
    return _network(graph, type(module).__name__)


def _module_of(value: Any) -> str:
    """Return what to give instead of something that is no module."""
    if isinstance(value, torch.export.ExportedProgram):
        return "the module that it keeps, its .module()"
    if isinstance(value, type) and issubclass(value, nn.Module):
        return f"an instance, such as {value.__name__}(…)"
    return "a torch.nn.Module" + (", or read the file with read_onnx" if isinstance(value, (str, PathLike)) else "")


def _shapes(input_shape: Any) -> dict[str | int, Sizes]:
    """Return the shape of every input, by name or place."""
    if isinstance(input_shape, Mapping):
        if not input_shape:
            raise ValueError(
                "input_shape={} names no input: give the shape of each by its name in the module's forward"
            )
        return {str(name): _sizes(f"input_shape[{shown(name)}]", shape) for name, shape in input_shape.items()}
    if not isinstance(input_shape, (tuple, list)) or not input_shape:
        raise ValueError(
            f"input_shape={shown(input_shape)} is not a shape: give sizes, such as (channels, height, width)"
        )
    if isinstance(input_shape[0], (tuple, list)):
        return {place: _sizes(f"input_shape[{place}]", shape) for place, shape in enumerate(input_shape)}
    return {0: _sizes("input_shape", input_shape)}


def _sizes(name: str, shape: Any) -> Sizes:
    if not isinstance(shape, (tuple, list)):
        raise ValueError(f"{name}={shown(shape)} is not a shape: give sizes, such as (channels, height, width)")
    return tuple(positive_int(f"{name}[{k}]", size) for k, size in enumerate(shape))


def _refuse_lazy(module: nn.Module) -> None:
    lazy = [name for name, tensor in _tensors(module) if torch.nn.parameter.is_lazy(tensor)]
    if lazy:
        raise ValueError(
            f"module={type(module).__name__} holds {lazy[0]!r}, which has no shape before the first call: call the module once"
        )


def _tensors(module: nn.Module) -> list[tuple[str, Any]]:
    return [*module.named_parameters(), *module.named_buffers()]


def _graph(module: nn.Module, shapes: Mapping[str | int, Sizes], dtype: Any) -> Graph:
    """Return what a run of the module shows: on shapes alone, else on zeros; with real numbers, else with integers."""
    types = _types(module, shapes, dtype)
    reasons: list[Exception] = []
    for on_meta in (True, False):
        for kinds in types:
            try:
                return _traced(module, shapes, kinds, on_meta=on_meta)
            except Exception as error:  # whatever the module's own code raises
                reasons.append(error)
    reason = reasons[len(types)]  # of the run on zeros
    way_out = "give the shape that it reads, without the batch, and the type of its numbers"
    if isinstance(reason, UnseenError):
        way_out = "export it to ONNX and give the file to read_onnx"
    raise ValueError(
        f"module={type(module).__name__} cannot be run with input_shape={_shown(shapes)}, dtype={_shown(types[0])} "
        f"({type(reason).__name__}: {' '.join(str(reason).split())[:200]}): {way_out}"
    ) from reason


def _shown(values: Mapping[str | int, Any]) -> str:
    """Return what several inputs are given, or a single one."""
    return shown(dict(values) if len(values) > 1 else next(iter(values.values())))


def _types(module: nn.Module, shapes: Mapping[str | int, Sizes], dtype: Any) -> list[dict[str | int, str]]:
    """Return types for the numbers of every input, to try one after the other: those given, or what parameters suggest."""
    if isinstance(dtype, (tuple, list)) and len(dtype) == len(shapes):
        dtype = dict(zip(shapes, dtype, strict=True))
    if isinstance(dtype, Mapping) and set(dtype) <= set(shapes):
        return [{name: _type(dtype.get(name, "float32")) for name in shapes}]
    if isinstance(dtype, (tuple, list, Mapping)):
        inputs = ", ".join(map(repr, shapes)) if isinstance(dtype, Mapping) else len(shapes)
        raise ValueError(
            f"dtype={shown(dtype)} does not fit the inputs of input_shape, which are {inputs}: "
            "give one type for each of them, or one for all"
        )
    return [dict.fromkeys(shapes, name) for name in ([_type(dtype)] if dtype is not None else _suggested(module))]


def _suggested(module: nn.Module) -> list[str]:
    """Return the type of the first parameter of real numbers, and of complex ones; then what modules read without such."""
    tensors = [tensor for _, tensor in _tensors(module)]
    real = [_type(tensor.dtype) for tensor in tensors if tensor.is_floating_point()][:1]
    complexes = [_type(tensor.dtype) for tensor in tensors if tensor.is_complex()][:1]
    return [*real, *complexes, *([] if real else ["float32"]), "int64"]


def _type(dtype: Any) -> str:
    way_out = "give 'float32', 'int64', 'bool', …"
    name = str(instance_of("dtype", dtype, (str, np.dtype, torch.dtype), way_out)).removeprefix("torch.")
    if not isinstance(getattr(torch, name, None), torch.dtype):
        raise ValueError(f"dtype={shown(dtype)} is not a type of PyTorch's numbers: {way_out}")
    return name


def _traced(
    module: nn.Module, shapes: Mapping[str | int, Sizes], types: Mapping[str | int, str], *, on_meta: bool
) -> Graph:
    """Run a module once under a `Tracer`."""
    parameters = dict(module.named_parameters())
    stored = {name: (tensor, name in parameters) for name, tensor in _tensors(module)}
    device = "meta" if on_meta else next((tensor.device for tensor, _ in stored.values()), "cpu")
    with ExitStack() as stack:
        place = stack.enter_context(_places(module))
        replaced = stack.enter_context(_unchanged(module))
        stack.enter_context(_silence())
        stack.enter_context(_plain_evaluation())
        trace = Tracer(stored, place, on_meta=on_meta)
        made = {
            key: torch.zeros(1, *shape, dtype=getattr(torch, types[key]), device=device)
            for key, shape in shapes.items()
        }
        read = {key: trace.read(key if isinstance(key, str) else f"input{key}", tensor) for key, tensor in made.items()}
        args = [tensor for key, tensor in read.items() if isinstance(key, int)]
        kwargs = {key: tensor for key, tensor in read.items() if isinstance(key, str)}
        with trace, Looks(trace):
            module(*args, **kwargs)
        for part, attribute, value in replaced():
            trace.end(part, attribute, value)
    record = trace.record
    return Graph(
        tuple(record.operations), record.shapes, record.constants,
        inputs=tuple(key if isinstance(key, str) else f"input{key}" for key in shapes), stored=record.stored,
        known_parameters=True, notes=tuple((place or type(module).__name__, *note) for place, note in record.notes.items()),
    )  # fmt: skip


def _network(graph: Graph, name: str) -> LayerGraph:
    """Return the layers of a graph, under a name; sequences and vectors as images of one row."""
    channels, *sides = graph.shapes[graph.inputs[0]][1:] or (1,)
    shape = (channels, *[1] * (2 - len(sides)), *sides)
    return layer_graph(graph, name=name, input_shape=shape, source=f"PyTorch {torch.__version__}, {name}")


# --- a module is given back as it was -------------------------------------------------------------------------------


@contextmanager
def _unchanged(module: nn.Module) -> Iterator[Callable[[], Iterator[tuple[str, str, Any]]]]:
    """Put every submodule into evaluation mode, and give back what it held before, whatever its code does to itself.

    Gives a function that yields what has been replaced: submodule, attribute, and its former value.
    """
    held = [(name, part, _contents(part)) for name, part in module.named_modules()]

    def replaced() -> Iterator[tuple[str, str, Any]]:
        for name, part, contents in held:
            values = {} if isinstance(part, torch.jit.ScriptModule) else vars(part)
            yield from (
                (name, key, old[0]) for key, old in contents.items() if values and values.get(key) is not old[0]
            )

    try:
        for _, part, _ in held:
            if getattr(part, "training", False):
                part.training = False
        yield replaced
    finally:
        for _, part, contents in held:
            _restore(part, contents)


def _contents(part: nn.Module) -> dict[str, Any]:
    """Return the attributes of a module, with copies of the lists, sets and dictionaries among them."""
    if isinstance(part, torch.jit.ScriptModule):
        return {"training": getattr(part, "training", False), **dict(part.named_buffers(recurse=False))}
    return {
        name: (value, value.copy() if isinstance(value, _CONTAINERS) else None) for name, value in vars(part).items()
    }


_CONTAINERS = (list, dict, set)


def _restore(part: nn.Module, contents: Mapping[str, Any]) -> None:
    if isinstance(part, torch.jit.ScriptModule):
        for name, value in contents.items():
            if getattr(part, name, value) is not value:
                setattr(part, name, value)
        return
    attributes = vars(part)
    for name in [*attributes.keys() - contents.keys()]:
        del attributes[name]
    for name, (value, copy) in contents.items():
        attributes[name] = value
        if copy is not None and not _same(value, copy):
            value.clear()
            (value.extend if isinstance(value, list) else value.update)(copy)


def _same(value: Any, copy: Any) -> bool:
    """Return whether a container still holds the very same things."""
    if len(value) != len(copy):
        return False
    if isinstance(value, dict):
        return all(key in copy and copy[key] is entry for key, entry in value.items()) and [*value] == [*copy]
    return all(one is other for one, other in zip(value, copy, strict=True))


@contextmanager
def _silence() -> Iterator[None]:
    """Let nothing be written, and no generator of random numbers move on; the module's code may use any, NumPy's old one too."""
    state, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002  # the module may use it
    try:
        with (
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
            torch.random.fork_rng(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(state)
        np.random.set_state(legacy)  # noqa: NPY002  # as above


if torch is not None:
    _VERSIONS = torch._C.DispatchKeySet(torch._C.DispatchKey.ADInplaceOrView)
    """What counts how often a tensor was written to, of which autograd makes use."""


@contextmanager
def _plain_evaluation() -> Iterator[None]:
    """Run below autograd, where composite operators are still whole, and without PyTorch's fused transformer layers."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), torch._C._AutoDispatchBelowAutograd(), torch._C._ExcludeDispatchKeyGuard(_VERSIONS):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextmanager
def _places(module: nn.Module) -> Iterator[Callable[[], str]]:
    """Give a function that says which submodule is running."""
    names = {id(part): name for name, part in module.named_modules()}
    running = [""]

    def enter(part: nn.Module, _: Any) -> None:
        running.append(names.get(id(part), running[-1]))

    def leave(*_: Any) -> None:
        running.pop()

    hooks = register_module_forward_pre_hook(enter), register_module_forward_hook(leave, always_call=True)
    try:
        yield lambda: running[-1]
    finally:
        for hook in hooks:
            hook.remove()
