"""CIPP's own job rotates its tenants one after the other, with one redemption and one store each."""

import time
from collections.abc import Mapping
from typing import Final

import requests

from sandbox import names
from tests.bench.control import secrets

SECONDS: Final = 30  # time limit of one call


def peers_seconds(env: Mapping[str, str], tenants: int) -> float:
    """Rotate this number of tenants in the peer's way. Return the seconds, on connections that are reused."""
    stored = secrets(env)
    chosen = [name for name in stored if name.count("-") == 4][:tenants]
    with requests.Session() as session:
        bearer = {"Authorization": f"Bearer {_vault_token(session, env)}"}
        began = time.perf_counter()
        for tenant in chosen:
            answer = session.post(
                f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
                data={
                    "client_id": names.SAM_APP_ID,
                    "client_secret": stored["ApplicationSecret"],
                    "scope": "https://graph.microsoft.com/.default",
                    "refresh_token": stored[tenant],
                    "grant_type": "refresh_token",
                },
                timeout=SECONDS,
            )
            answer.raise_for_status()
            session.put(
                f"{env['SANDBOX_VAULT_URL']}/secrets/{tenant}?api-version=7.4",
                json={"value": answer.json()["refresh_token"]},
                headers=bearer,
                timeout=SECONDS,
            ).raise_for_status()
        return (time.perf_counter() - began) / len(chosen)


def _vault_token(session: requests.Session, env: Mapping[str, str]) -> str:
    answer = session.get(
        env["IDENTITY_ENDPOINT"],
        params={"resource": "https://vault.azure.net", "api-version": "2019-08-01"},
        headers={"X-IDENTITY-HEADER": env["IDENTITY_HEADER"]},
        timeout=SECONDS,
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])
