"""The operations on soft-deleted secrets."""

from functools import partial
from typing import Any

from sandbox.key_vault import bundle
from sandbox.key_vault.call import Call
from sandbox.key_vault.paging import Row, page


def list_deleted(call: Call) -> dict[str, Any]:
    """List the soft-deleted secrets of the vault, one page at a time. Their versions count against the page size."""
    rows: list[Row] = []
    for deleted in call.vault.listed_deleted_secrets():
        key = f"secret/{deleted.secret.name.upper()}"
        versions = sorted(version.version.upper() for version in deleted.secret.versions)
        rows.append((key, partial(bundle.deleted_item, call, deleted)))
        rows += [(f"{key}/{version}", None) for version in versions]
    return page(call, sorted(rows, key=lambda row: row[0]))


def get(call: Call) -> dict[str, Any]:
    """Return a soft-deleted secret, without its value."""
    return bundle.deleted(call, call.vault.deleted_secret(call.name))


def recover(call: Call) -> dict[str, Any]:
    """Recover a soft-deleted secret with all its versions."""
    secret = call.vault.recover(call.name)
    return bundle.without_value(call, secret, secret.latest)


def purge(call: Call) -> None:
    """Permanently delete a soft-deleted secret."""
    call.vault.purge(call.name)
