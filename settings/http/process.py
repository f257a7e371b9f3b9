"""The services and the audit log of this process."""

import os
import threading
from typing import Final

from backend.services import Services
from settings.audit.audit_log import AuditLog


class Process:
    """The services and the audit log of this process, created on first use. That is when the environment is read.

    Concurrent first calls get the same services, because the locks and seats of a process must not exist twice.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: tuple[Services, AuditLog] | None = None

    def __call__(self) -> Services:
        """Return the services."""
        return self._all()[0]

    @property
    def audit(self) -> AuditLog:
        """The audit log."""
        return self._all()[1]

    def cache_clear(self) -> None:
        """Discard the services, so that the next call creates new ones."""
        with self._lock:
            self._made = None

    def _all(self) -> tuple[Services, AuditLog]:
        with self._lock:
            if self._made is None:
                made = Services(os.environ)
                self._made = made, AuditLog(made)
            return self._made


services: Final = Process()
