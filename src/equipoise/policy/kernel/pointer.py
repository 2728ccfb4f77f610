"""The state as one pointer: how compiled code reads `State` members without passing forty arrays at every call.

`Handle` keeps the arrays alive and a table of addresses; compiled code gets the table's address. The table never changes
while a handle lives, so its entries are marked invariant and LLVM loads each once.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np.arrayobj import make_array, populate_array

from equipoise.policy.kernel import layout

MEMBERS: dict[str, Any] = layout.member_types()


@cache
def fingerprint(folder: str = "") -> str:
    """Name of the kernel's source, and of a folder that calls it: cached machine code never outlives a change in any module."""
    digest = hashlib.sha256()
    for parent in (Path(__file__).parent, *([Path(folder)] if folder else [])):
        for path in sorted(parent.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class Handle:
    """Hold on a state for compiled code; the arrays must not be replaced while it lives."""

    def __init__(self, state: layout.State) -> None:
        self.state = state
        self.table = np.array([array.ctypes.data for array in state], np.int64)
        self.address = self.table.ctypes.data


class StateType(types.Type):
    """Numba's view of a `Handle`."""

    def __init__(self) -> None:
        super().__init__(name=f"EquipoiseState({fingerprint()})")


STATE = StateType()


@typeof_impl.register(Handle)
def _typeof(value: Handle, context: Any) -> StateType:
    return STATE


@register_model(StateType)
class _Model(models.OpaqueModel):
    pass


@unbox(StateType)
def _unbox(kind: Any, value: Any, c: Any) -> NativeValue:
    number = c.pyapi.object_getattr_string(value, "address")
    address = c.pyapi.long_as_longlong(number)
    c.pyapi.decref(number)
    return NativeValue(c.builder.inttoptr(address, cgutils.voidptr_t))


@infer_getattr
class _Attributes(AttributeTemplate):
    key = StateType

    def generic_resolve(self, kind: Any, name: str) -> Any:
        return _array_type(name) if name in MEMBERS else None


@cache
def _array_type(name: str) -> Any:
    from numba import from_dtype

    return types.Array(from_dtype(np.dtype(MEMBERS[name])), 1, "C")


@lower_getattr_generic(StateType)
def _member(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    at = list(MEMBERS).index(name)
    word = ir.IntType(64)
    table = builder.bitcast(value, word.as_pointer())

    def load(index: int) -> Any:
        loaded = builder.load(builder.gep(table, [ir.Constant(word, index)]))
        loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
        return loaded

    array_type = _array_type(name)
    array = make_array(array_type)(context, builder)
    size = context.get_abi_sizeof(context.get_data_type(array_type.dtype))
    length = ir.Constant(word, 0)  # a negative index would have this added to it: so nobody need ask whether it is one
    populate_array(
        array,
        data=builder.inttoptr(load(at), array.data.type),
        shape=cgutils.pack_array(builder, [length]),
        strides=cgutils.pack_array(builder, [ir.Constant(word, size)]),
        itemsize=ir.Constant(word, size),
        meminfo=None,
    )
    return array._getvalue()
