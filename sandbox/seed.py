"""One plausible CIPP, as the sandbox starts with it and a reset brings it back."""

from sandbox import names
from sandbox.arm.seed import seed_arm
from sandbox.azure import Azure
from sandbox.clock import Clock
from sandbox.directory import Directory
from sandbox.key_vault.seed import seed_vault
from sandbox.options import Options
from sandbox.tokens import TokenIssuer


def seed(options: Options, tokens: TokenIssuer) -> Azure:
    """Build a new Azure; `tokens` outlives it, so that access tokens stay good over a reset."""
    clock = Clock()
    directory = Directory()
    return Azure(
        clock=clock,
        tokens=tokens,
        tenant_id=names.TENANT_ID,
        subscription_id=names.SUBSCRIPTION_ID,
        options=options,
        directory=directory,
        vaults={names.VAULT: seed_vault(clock, {})},
        arm=seed_arm(clock),
    )
