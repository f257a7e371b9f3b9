"""The invocation that a handler receives in its `context` parameter."""

import contextvars
import threading
from dataclasses import dataclass, field

import azure.functions as func
from azure.functions import _abc as abc

THREAD_LOCAL = threading.local()
INVOCATION_ID: contextvars.ContextVar[str] = contextvars.ContextVar("invocation_id", default="")


@dataclass(frozen=True)
class Trace(abc.TraceContext):
    """The W3C trace context of the caller."""

    parent: str = ""
    state: str = ""

    @property
    def trace_parent(self) -> str:
        """Return the traceparent header."""
        return self.parent

    @property
    def trace_state(self) -> str:
        """Return the tracestate header."""
        return self.state

    @property
    def attributes(self) -> dict[str, str]:
        """Return what the host adds: nothing here."""
        return {}


@dataclass(frozen=True)
class Retry:
    """The retry context of a first attempt. This host does not retry."""

    retry_count: int = 0
    max_retry_count: int = 0
    exception: abc.RpcException | None = None


@dataclass(frozen=True)
class Invocation(func.Context):
    """One call of one function, as `azure.functions.Context` shows it."""

    id: str
    name: str
    directory: str
    trace: Trace = field(default_factory=Trace)
    retry: Retry = field(default_factory=Retry)

    @property
    def invocation_id(self) -> str:
        """Return this invocation's ID."""
        return self.id

    @property
    def thread_local_storage(self) -> threading.local:  # type: ignore[override]  # azure-functions declares type[local], the worker passes an instance
        """Return the storage with which a handler's own thread takes over the invocation ID."""
        return THREAD_LOCAL

    @property
    def function_name(self) -> str:
        """Return the function's name."""
        return self.name

    @property
    def function_directory(self) -> str:
        """Return the folder of the handler's module."""
        return self.directory

    @property
    def trace_context(self) -> Trace:
        """Return the caller's trace context."""
        return self.trace

    @property
    def retry_context(self) -> Retry:  # type: ignore[override]  # the worker's is a plain class, too
        """Return the retry context."""
        return self.retry
