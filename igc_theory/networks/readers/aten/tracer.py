"""One run of a PyTorch module, watched: which operators it calls, on which tensors, and what depends on the input.

Operators are seen as the module calls them (a linear layer is one operator), because the run goes below PyTorch's autograd layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from igc_theory.networks.description.graph import Stored, words
from igc_theory.networks.readers.aten.calls import (
    address_of,
    arguments_of,
    mapped,
    operands_in,
    storage_of,
    stored_entries,
    tensors_in,
    written_by,
)
from igc_theory.networks.readers.aten.record import Call, Operand, Record, dtype_name
from igc_theory.networks.readers.aten.shapes import shape_alone
from igc_theory.networks.readers.aten.vocabulary import is_known, translate

try:
    import torch
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.weak import WeakTensorKeyDictionary
except ImportError:  # from_torch says what to install
    torch, TorchDispatchMode, TorchFunctionMode = None, object, object

__all__ = ["Looks", "Tracer", "UnseenError"]

_FILLED = words(
    "zeros_like ones_like full_like empty_like rand_like randn_like randint_like new_zeros new_ones new_full new_empty"
)
"""Operators whose result has the shape of a tensor, but no number of it."""

_LOOKS = words(
    "_local_scalar_dense item is_nonzero nonzero nonzero_numpy masked_select equal torchvision::nms unique _unique2 "
    "unique_consecutive"
)
"""Operators that tell a module's code something about the numbers that it reads."""

_PAST_OPERATORS = words("numpy tolist __array__ __dlpack__")
"""Methods that give a module's code the numbers of a tensor, and call no operator."""

_CELLS = words("lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell")
"""One step of a recurrent layer, on what it reads and on its state."""

LOOKED = "its code looks at numbers that depend on the input: counted as it runs on zeros"
KEPT = "it goes on from {}, which it has kept from an earlier call: counted as a constant; read the module before it is called"


class UnseenError(RuntimeError):
    """A module calls functions in a way that does not show what they compute."""


class _Fact(NamedTuple):
    """What a tensor is called, and how often its memory had been written to when it got that name."""

    name: str
    version: int


@dataclass
class _Memory:
    """Memory that several tensors may show: who wrote to it last, and what is written to in its place.

    The twin takes what a module writes to its own parameters and buffers, which shall stay as they are. It also takes what depends
    on the input and is written to an array of numbers, while the input has none.
    """

    storage: Any  # kept, so that its address is not given to another
    name: str
    depends: bool
    version: int = 0
    twin: Any = None


class Tracer(TorchDispatchMode):
    """A mode in which each operator that depends on the input is written down.

    Parameters
    ----------
    stored : mapping of str to (tensor, bool)
        Parameters and buffers, and whether each is trained.
    place : callable
        Says which module is running.
    on_meta : bool
        Whether what depends on the input is only a shape; else it is computed.

    Notes
    -----
    What does not depend on the input is computed as it comes, so that a module may look at its numbers.
    """

    supports_higher_order_operators = True  # PyTorch asks for it

    def __init__(self, stored: Mapping[str, tuple[Any, bool]], place: Callable[[], str], *, on_meta: bool) -> None:
        super().__init__()
        self.record = Record()
        self._place = place
        self._on_meta = on_meta
        self._facts: Any = WeakTensorKeyDictionary()
        self._memory: dict[int, _Memory] = {}
        self._packed: dict[int, tuple[Any, list[Operand]]] = {}
        self._read: set[int] = set()
        for name, (tensor, trained) in stored.items():
            self._store(name, tensor, trained)
        self._own = frozenset(self._memory)

    def read(self, name: str, tensor: Any) -> Any:
        """Take a tensor as input of the network; return it."""
        self._remember(tensor, name, depends=True)
        self.record.shapes[name] = tuple(tensor.shape)
        return tensor

    def look(self, tensor: Any) -> None:
        """Note that the module's code takes the numbers of a tensor, and may go on with them where no operator is seen."""
        if self._depends(tensor):
            self._note_look()

    def end(self, place: str, attribute: str, former: Any) -> None:
        """Note it if the module has read, and then replaced, a tensor that it held in an attribute before it was called."""
        if any(id(tensor) in self._read for tensor in tensors_in(former)):
            self.record.notes[place] = ("state", KEPT.format(attribute))

    def _note_look(self) -> None:
        self.record.notes[self._place()] = ("control flow", LOOKED)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operator, and write it down if it depends on the input."""
        if isinstance(func, torch._ops.HigherOrderOperator):
            return self._branch(func, args)
        kwargs, operator = kwargs or {}, func._schema.name.removeprefix("aten::")
        read = tensors_in((args, kwargs))
        self._read.update(map(id, read))
        if operator.startswith("prim::") or not any(map(self._depends, read)):
            return self._fold(func, args, kwargs)
        if operator in _FILLED:
            here = {"device": kwargs.get("device") or "cpu"} if self._on_meta else {}
            return self._fold(func, args, {**kwargs, **here})
        if operator in _CELLS:
            args = (*self._all_dependent(args[:2]), *args[2:])
        if not is_known(operator):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        return self._compute(operator, func, args, kwargs)

    def _branch(self, func: Any, args: Any) -> Any:
        """Run the branch that torch.cond takes, as behind an ``if``; of the other operators that call functions none is known."""
        if func is not torch.ops.higher_order.cond:
            raise UnseenError(f"{func} calls functions, and what they compute is not seen")
        condition, *branches, operands = args
        self.look(condition)
        taken = branches[not condition]
        with self:
            return taken(*operands)

    # --- what does not depend on the input --------------------------------------------------------------------------

    def _fold(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run an operator on constants; remember how to run it again."""
        if func is torch.ops.aten.lift_fresh.default:  # an array that is made of Python's numbers
            self._remember(args[0], self._literal(args[0], frozenset()), depends=False)
        written = written_by(func, args, kwargs)
        for tensor in written:
            if address_of(tensor) in self._own:
                self._divert(tensor, tensor.device)
        named = mapped(self._operand, (args, kwargs))
        current = mapped(self._current, (args, kwargs))
        result = func(*current[0], **current[1])
        origins = frozenset[str]().union(*(self.record.origins(operand.name) for operand in operands_in(named)))
        for tensor in written:
            self._write(tensor, self._literal(tensor, origins), depends=False)
        known = {id(new): old for old, new in zip(tensors_in((args, kwargs)), tensors_in(current), strict=True)}
        for index, tensor in enumerate(tensors_in(result)):
            if id(tensor) not in known and not written:
                recipe = partial(self._again, func, named, index) if origins else lambda tensor=tensor: tensor
                self._remember(tensor, self._constant(tensor, origins, recipe), depends=False)
        return mapped(lambda leaf: known.get(id(leaf), leaf), result)

    def _again(self, func: Any, named: Any, index: int) -> Any:
        """Compute a constant once more, from the stored arrays that it comes from."""

        def value(leaf: Any) -> Any:
            return self.record.values[leaf.name]() if isinstance(leaf, Operand) else leaf

        args, kwargs = mapped(value, named)
        with torch.no_grad():
            return tensors_in(func(*args, **kwargs))[index]

    def _constant(self, tensor: Any, origins: frozenset[str], value: Callable[[], Any]) -> str:
        return self.record.constant(tuple(tensor.shape), dtype_name(tensor), origins, value)

    def _literal(self, tensor: Any, origins: frozenset[str]) -> str:
        """Return a name for the present numbers of a tensor."""
        now = self._current(tensor).clone()
        return self._constant(tensor, origins, lambda: now)

    def _store(self, name: str, tensor: Any, trained: bool) -> None:
        """Take a tensor as one of the numbers that the module holds."""
        shape, dtype = tuple(tensor.shape), dtype_name(tensor)
        self.record.stored[name] = Stored(shape, dtype, trained)
        self.record.keep(name, shape, dtype, frozenset({name}), lambda: tensor)
        memory = self._memory.setdefault(address_of(tensor), _Memory(storage_of(tensor), name, depends=False))
        self._facts[tensor] = _Fact(name, memory.version)

    # --- what depends on the input ----------------------------------------------------------------------------------

    def _compute(self, operator: str, func: Any, args: Any, kwargs: Any) -> Any:
        """Run an operator on what depends on the input, and write it down."""
        masks = (
            [tensor for tensor in tensors_in(args[1:2]) if tensor.dtype == torch.bool] if operator == "index" else []
        )
        if operator in _LOOKS or any(map(self._depends, masks)):
            self._note_look()
        named = mapped(self._operand, (args, kwargs))
        written = written_by(func, args, kwargs)
        for tensor in written:
            if self._on_meta and not tensor.is_meta:
                self._divert(tensor, torch.device("meta"))
            elif not self._on_meta and address_of(tensor) in self._own:
                self._divert(tensor, tensor.device)
        ready_args, ready = mapped(self._ready, (args, kwargs))
        if self._on_meta and ready.get("device") is not None:
            ready["device"] = torch.device("meta")
        result = shape_alone(operator, ready_args) if self._on_meta and not ready.get("dtype") else None
        result = func(*ready_args, **ready) if result is None else result
        known = {
            id(new): old for old, new in zip(tensors_in((args, kwargs)), tensors_in((ready_args, ready)), strict=True)
        }
        fresh = [known.get(id(tensor), tensor) for tensor in written or tensors_in(result)]
        if written or not all(id(tensor) in known for tensor in tensors_in(result)):
            results = tuple(Operand(self.record.fresh(), tuple(tensor.shape)) for tensor in fresh)
            for operand, tensor in zip(results, fresh, strict=True):
                (self._write if written else self._remember)(tensor, operand.name, depends=True)
            translate(Call(operator, self._place(), arguments_of(func, *named), results), self.record)
        return mapped(lambda leaf: known.get(id(leaf), leaf), result)

    def _all_dependent(self, tensors: Any) -> Any:
        """Let what a cell reads depend on the input: as in a whole recurrent layer, a first state of zeros is multiplied, too."""
        if not any(map(self._depends, tensors_in(tensors))):
            return tensors
        return mapped(lambda tensor: tensor if self._depends(tensor) else self._expanded(tensor), tensors)

    def _expanded(self, tensor: Any) -> Any:
        """Return a constant as one that is made for the examples; it reads none of them, so that no channel comes from there."""
        operand = self.record.between("Expand", self._place(), (self._name(tensor),), tuple(tensor.shape))
        copy = torch.empty_like(tensor, device="meta") if self._on_meta else self._current(tensor).clone()
        self._remember(copy, operand.name, depends=True)
        return copy

    # --- tensors and their names ------------------------------------------------------------------------------------

    def _depends(self, tensor: Any) -> bool:
        memory = self._memory.get(address_of(tensor))
        return memory is not None and memory.depends

    def _remember(self, tensor: Any, name: str, *, depends: bool) -> None:
        """Note the name of a tensor that an operator has returned."""
        address = address_of(tensor)
        if depends and address not in self._memory:
            self._memory[address] = _Memory(storage_of(tensor), name, depends)
        memory = self._memory.get(address)
        self._facts[tensor] = _Fact(name, memory.version if memory else 0)

    def _write(self, tensor: Any, name: str, *, depends: bool) -> None:
        """Note that a tensor has been written to: others that show the same memory have changed with it."""
        memory = self._memory.setdefault(address_of(tensor), _Memory(storage_of(tensor), name, depends))
        memory.version, memory.name, memory.depends = memory.version + 1, name, memory.depends or depends
        self._facts[tensor] = _Fact(name, memory.version)

    def _operand(self, leaf: Any) -> Any:
        """Return a tensor's name and shape, and those of the arrays in packed quantized weights; anything else as it is."""
        if isinstance(leaf, torch.ScriptObject) and hasattr(leaf, "unpack"):
            if hash(leaf) not in self._packed:  # its address; PyTorch wraps it anew for each call
                self._packed[hash(leaf)] = leaf, [self._held(array) for array in tensors_in(leaf.unpack())]
            return self._packed[hash(leaf)][1]
        if not isinstance(leaf, torch.Tensor):
            return leaf
        return Operand(self._name(leaf), tuple(leaf.shape), stored_entries(leaf))

    def _held(self, array: Any) -> Operand:
        """Take an array of packed weights as numbers that the module holds."""
        name, numbers = self.record.fresh(f"{self._place()}.packed"), array.int_repr() if array.is_quantized else array
        self._store(name, numbers, trained=True)
        return Operand(name, tuple(numbers.shape))

    def _name(self, tensor: Any) -> str:
        memory, fact = self._memory.get(address_of(tensor)), self._facts.get(tensor)
        if fact is None and memory is None:  # an array that the module holds outside its parameters and buffers
            if self._on_meta and tensor.is_meta and not tensor.is_floating_point():
                raise ValueError("a list of places has been made where there are no numbers, and lost its own")
            name = self.record.fresh(f"{self._place()}.constant")
            self._store(name, tensor, trained=False)
            return name
        if memory is None or (fact is not None and fact.version == memory.version):
            return str(fact.name)
        if fact is None:
            return memory.name
        origins = self.record.origins(fact.name) | self.record.origins(memory.name)
        if memory.depends:
            name = self.record.fresh()
            self.record.write(
                "ScatterND", self._place(), (fact.name, memory.name), (Operand(name, tuple(tensor.shape)),)
            )
        else:
            name = self._literal(tensor, origins)
        self._facts[tensor] = _Fact(name, memory.version)
        return name

    def _divert(self, tensor: Any, device: Any) -> None:
        """Have a twin of a tensor's memory written to in its place."""
        memory = self._memory.setdefault(
            address_of(tensor), _Memory(storage_of(tensor), self._name(tensor), depends=False)
        )
        if memory.twin is None or memory.twin.device != device:
            whole = torch.empty(0, dtype=tensor.dtype, device=tensor.device).set_(memory.storage)
            memory.twin = torch.empty_like(whole, device=device) if device.type == "meta" else whole.clone()
            self._memory[address_of(memory.twin)] = memory

    def _current(self, leaf: Any) -> Any:
        """Return a tensor with the numbers that have been written to it."""
        memory = self._memory.get(address_of(leaf)) if isinstance(leaf, torch.Tensor) else None
        if memory is None or memory.twin is None or address_of(leaf) == address_of(memory.twin):
            return leaf
        return torch.as_strided(memory.twin, leaf.size(), leaf.stride(), leaf.storage_offset())

    def _ready(self, leaf: Any) -> Any:
        """Return an argument as an operator on what depends on the input can take it."""
        leaf = self._current(leaf)
        if not self._on_meta or not isinstance(leaf, torch.Tensor) or leaf.is_meta:
            return leaf
        return torch.empty_strided(leaf.size(), leaf.stride(), dtype=leaf.dtype, device="meta")


class Looks(TorchFunctionMode):
    """A mode in which a tracer is told of numbers that leave PyTorch."""

    def __init__(self, trace: Tracer) -> None:
        super().__init__()
        self._trace = trace

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of PyTorch."""
        if func in (torch.autograd.grad, torch.autograd.backward, torch.Tensor.backward):
            raise UnseenError("it takes derivatives, and a run without them is all that is seen")
        if getattr(func, "__name__", "") in _PAST_OPERATORS:
            self._trace.look(args[0])
        return func(*args, **(kwargs or {}))
