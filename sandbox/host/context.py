"""What a handler learns of its invocation through its `context` parameter."""

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
        """Give the header traceparent."""
        return self.parent

    @property
    def trace_state(self) -> str:
        """Give the header tracestate."""
        return self.state

    @property
    def attributes(self) -> dict[str, str]:
        """Give what the host adds: nothing here."""
        return {}


@dataclass(frozen=True)
class Retry:
    """The retry context of a first try; this host does not retry."""

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
        """Give this invocation's id."""
        return self.id

    @property
    def thread_local_storage(self) -> threading.local:  # type: ignore[override]  # azure-functions says type[local], the worker gives an instance
        """Give the storage through which a thread of the handler's own takes over the invocation id."""
        return THREAD_LOCAL

    @property
    def function_name(self) -> str:
        """Give the function's name."""
        return self.name

    @property
    def function_directory(self) -> str:
        """Give the folder of the handler's module."""
        return self.directory

    @property
    def trace_context(self) -> Trace:
        """Give the caller's trace context."""
        return self.trace

    @property
    def retry_context(self) -> Retry:  # type: ignore[override]  # the worker's is a plain class too
        """Give the retry context."""
        return self.retry
