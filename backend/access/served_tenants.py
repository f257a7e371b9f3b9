"""The tenants whose users may sign in: the partner tenant, and those in the setting `ALLOWED_TENANTS`."""

from collections.abc import Mapping

from backend.access.partner_tenant import PartnerTenant
from backend.concurrency.seats import NOT_NEEDED, Seat
from backend.errors import (
    AzureRefusedError,
    AzureUnreachableError,
    BackendError,
    NotConfiguredError,
    NotFoundError,
    joined,
)

_ADVICE = "Or add your tenant to this app's setting ALLOWED_TENANTS."


class ServedTenants:
    """The service for served tenants. It requires the same permission as `PartnerTenant`."""

    def __init__(self, environ: Mapping[str, str], partner_tenant: PartnerTenant) -> None:
        self._environ = environ
        self._partner_tenant = partner_tenant

    def serves(self, tenant: str, seat: Seat = NOT_NEEDED) -> bool:
        """Return whether a tenant's users may sign in: those of `ALLOWED_TENANTS`, and of TenantID in the vault.

        Raises:
            NotConfiguredError: The vault has no TenantID that is a GUID.
            AzureError: The vault refused or timed out.
            SeatsTakenError: The caller needs a seat to wait for the vault, and all seats are taken.
        """
        wanted = tenant.strip().lower()
        if not wanted or wanted in self._allowed:
            return bool(wanted)
        try:
            return self._partner_tenant.is_partner(wanted, seat)
        except NotFoundError as error:
            raise NotConfiguredError(error.detail, advice=_with_advice(error)) from error
        except AzureRefusedError as error:
            raise AzureRefusedError(
                error.detail,
                advice=_with_advice(error),
                status=error.status,
                code=error.code,
                retry_after=error.retry_after,
                cause=error.cause,
            ) from error
        except AzureUnreachableError as error:
            raise AzureUnreachableError(error.detail, advice=_with_advice(error)) from error

    def may_serve(self, tenant: str) -> bool:
        """Return whether a tenant's users might sign in, as far as this is known without a call to the vault."""
        wanted = tenant.strip().lower()
        return wanted in self._allowed or self._partner_tenant.last in ("", wanted)

    @property
    def _allowed(self) -> set[str]:
        return {name.strip().lower() for name in self._environ.get("ALLOWED_TENANTS", "").split(",")}


def _with_advice(error: BackendError) -> str:
    return joined(error.advice, _ADVICE)
