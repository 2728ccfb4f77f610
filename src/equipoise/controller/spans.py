"""Spans of a pass for OpenTelemetry: the pass, and in it decide, record and act. Without the extra ``otel`` nothing is spanned.

Names and numbers only: no job's command, environment, owner or name is an attribute.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from equipoise.errors import InputError

Spans = Callable[[str], AbstractContextManager[Any]]
"""Opens a span of a name; what it yields takes ``set_attribute``, or is None."""


def no_spans(name: str) -> AbstractContextManager[Any]:
    """Open no span."""
    return nullcontext()


def otel_spans(provider: Any = None) -> Spans:
    """Return what opens spans with OpenTelemetry.

    Parameters
    ----------
    provider : TracerProvider or None
        None: the one that the process has set up.

    Raises
    ------
    InputError
        R135 without the extra ``otel``.
    """
    try:
        from opentelemetry import trace
    except ImportError:
        raise InputError("R135", "spans need OpenTelemetry", hint="pip install 'equipoise[otel]'") from None
    tracer = trace.get_tracer("equipoise.controller", tracer_provider=provider)
    return lambda name: tracer.start_as_current_span(f"equipoise.{name}")
