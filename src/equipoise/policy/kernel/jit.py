"""One source, two executions: the kernel compiled by Numba, and the same code objects run by plain Python.

`entry`, `kernel`, `apart`, `inlined` and `merged` are the only decorators of kernel functions. A compiled function receives the
whole state as one pointer (see `pointer`), so that a call costs no more than in C. `plain` rebuilds a set of decorated modules with every
compiled function replaced by its own Python source, so that tests compare both executions bit for bit inside one process.

Numba optimises a function together with everything it calls, and does so anew for every caller on the way up: with a hundred functions
that was most of the time to compile. Here only an `entry`, which Python calls, is optimised and cached; the others stay as they were
lowered (`Part`) until an entry takes them in.
"""

from __future__ import annotations

import types
from typing import Any

import numba
from llvmlite.binding import Linkage, create_pass_builder, create_pipeline_tuning_options
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.dispatcher import Dispatcher
from numba.cpython.unsafe.numbers import leading_zeros, trailing_zeros

from equipoise.policy.kernel.pointer import fingerprint

# No fast-math: a decision may only rest on IEEE + - * / in program order. `_nrt=False` drops reference counting inside the kernel:
# it allocates nothing, and the state's arrays outlive every call.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False, "_nrt": False}


# What rarely runs, as it stands in the names of compiled functions (`module`, then `function`, each after its length).
_APART: set[str] = set()


class Part(JITCodeLibrary):
    """What was lowered from a function that only other kernel functions call: neither optimised nor made machine code by itself."""

    def finalize(self) -> None:
        """Leave everything to the entry."""
        self._finalized = True


class Whole(JITCodeLibrary):
    """An entry with all the parts below it, optimised together."""

    def finalize(self) -> None:
        """Take in the parts of parts, then go on as usual."""
        found = list(self._linking_libraries)
        for library in found:
            if isinstance(library, Part):
                for below in library._linking_libraries:
                    if below not in self._linking_libraries:
                        self.add_linking_library(below)
                        found.append(below)
        super().finalize()

    def _optimize_final_module(self) -> None:
        """Tell LLVM first that nobody else calls the parts, so that it may merge each into its only caller."""
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal
            if not function.is_declaration and self._stays_apart(function):
                function.add_function_attribute("noinline")
        # One round: the first of Numba's two serves reference counting. No vectors, nothing unrolled: loops run over a handful of
        # records, and the less code there is, the more of it stays in the cache (and the sooner it is compiled).
        wanted = create_pipeline_tuning_options(speed_level=2)
        wanted.loop_vectorization = wanted.slp_vectorization = wanted.loop_unrolling = False
        builder = create_pass_builder(self._codegen._tm, wanted)
        builder.getModulePassManager().run(self._final_module, builder)

    def _stays_apart(self, function: Any) -> bool:
        return any(name in function.name for name in _APART)


class _ForParts(Compiler):
    library = Part

    def __init__(
        self, typingctx: Any, targetctx: Any, library: Any, args: Any, return_type: Any, flags: Any, locals: Any
    ) -> None:
        super().__init__(typingctx, targetctx, library, args, return_type, flags, locals)
        self.state.library = self.library(targetctx.codegen(), self.__class__.__name__)
        self.state.library.enable_object_caching()
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = self.library is Part


class _ForEntries(_ForParts):
    library = Whole


def entry(function: Any) -> Any:
    """Compile a kernel function that Python calls, with everything it calls, into one module; it is kept in numba's cache."""
    dispatcher = numba.njit(function, cache=True, pipeline_class=_ForEntries, forceinline=False, **_OPTIONS)
    kept = getattr(dispatcher._cache, "_cache_file", None)
    if kept is not None:  # the cache knows the entry's own file; what the entry takes in lies also in others
        kept._source_stamp = (kept._source_stamp, fingerprint(function.__code__.co_filename.rpartition("/")[0]))
    return _widened(dispatcher)


def kernel(function: Any) -> Any:
    """Compile a kernel function that other kernel functions call."""
    return _parts_only(numba.njit(function, pipeline_class=_ForParts, forceinline=False, **_OPTIONS))


def apart(function: Any) -> Any:
    """Compile a kernel function that rarely runs: it is never merged into its callers, which stay small."""
    module, name = function.__module__.rpartition(".")[2], function.__name__
    _APART.add(f"{len(module)}{module}{len(name)}{name}")
    return kernel(function)


def inlined(function: Any) -> Any:
    """Compile a small kernel function into every caller."""
    return _parts_only(numba.njit(function, pipeline_class=_ForParts, forceinline=True, **_OPTIONS))


def merged(function: Any) -> Any:
    """Make a function with one caller part of it before types are inferred: it is not compiled on its own."""
    return numba.njit(function, inline="always", **_OPTIONS)


def _parts_only(dispatcher: Any) -> Any:
    """Keep what is compiled for other kernel functions; there is nothing that Python could call."""
    lower = dispatcher._compiler.compile

    def lower_as_part(args: Any, return_type: Any) -> Any:
        result = lower(args, return_type)
        key = result.fndesc  # callers look a function up by what Python would call
        result.target_context.insert_user_function(key, key, [result.library])
        return result._replace(entry_point=key)

    def add_overload(result: Any) -> None:
        dispatcher.overloads[tuple(result.signature.args)] = result

    dispatcher._compiler.compile = lower_as_part
    dispatcher.add_overload = add_overload
    return _widened(dispatcher)


def _widened(dispatcher: Any) -> Any:
    """Let kernel functions call each other with int64 and bool only: one compiled version instead of one per mix of widths."""
    resolve = dispatcher.get_call_template

    def widest(kind: Any) -> Any:
        if isinstance(kind, numba.types.Integer):
            return numba.types.int64
        return numba.types.boolean if isinstance(kind, numba.types.Boolean | numba.types.BooleanLiteral) else kind

    def get_call_template(args: Any, kws: Any) -> Any:
        return resolve(tuple(widest(a) for a in args), kws)

    dispatcher.get_call_template = get_call_template
    return dispatcher


@inlined
def lowest_bit(x: int) -> int:
    """Index of the lowest set bit of a positive integer."""
    return trailing_zeros(x)


@inlined
def bit_length(x: int) -> int:
    """Number of bits of a non-negative integer below 2**63."""
    return 64 - leading_zeros(x)


def _plain_lowest_bit(x: int) -> int:
    return (x & -x).bit_length() - 1


def _plain_bit_length(x: int) -> int:
    return x.bit_length()


def plain(modules: list[types.ModuleType]) -> dict[str, Any]:
    """Return every kernel function of ``modules`` by name, as plain Python over the same code objects.

    Names that two modules define differently would be ambiguous and are refused.
    """
    twins: dict[int, Any] = {id(lowest_bit): _plain_lowest_bit, id(bit_length): _plain_bit_length}
    spaces: list[dict[str, Any]] = []
    for module in modules:
        space: dict[str, Any] = dict(vars(module))
        spaces.append(space)
        for value in vars(module).values():
            if isinstance(value, Dispatcher) and value.py_func.__module__ == module.__name__:
                twins.setdefault(id(value), types.FunctionType(value.py_func.__code__, space, value.__name__))
    named: dict[str, Any] = {}
    for space in spaces:
        for name, value in list(space.items()):
            if isinstance(value, Dispatcher):
                twin = twins[id(value)]
                space[name] = twin
                if named.setdefault(name, twin) is not twin:
                    raise ValueError(f"two kernel functions are called {name!r}")
    return named
