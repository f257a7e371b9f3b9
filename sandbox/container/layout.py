"""The names of the resources of a CIPP, which some states of a migration change."""

from dataclasses import dataclass
from typing import Final

from sandbox import names
from sandbox.options import Options

MIGRATED: Final = frozenset({"S3", "S4", "S5", "S6", "S7"})


@dataclass(frozen=True)
class Layout:
    """Where the parts of CIPP are. Without a `site`, no app has the name of CIPP."""

    site: str | None
    vault: str
    plan_group: str
    migrated: bool
    state: str

    @property
    def plan(self) -> str:
        """The name of the container's plan."""
        return f"{self.site}-plan"


def layout(options: Options) -> Layout:
    """Return the names that the options choose. The functions shape has the usual ones."""
    state = options.state
    site = {"S3": names.RENAMED_SITE, "S6": None}.get(state, names.MAIN_SITE)
    return Layout(
        site=site,
        vault={"S3": names.RENAMED_SITE, "S12": names.OTHER_VAULT}.get(state, names.VAULT),
        plan_group=names.PLAN_GROUP if state == "S14" else names.RESOURCE_GROUP,
        migrated=state in MIGRATED,
        state=state,
    )
