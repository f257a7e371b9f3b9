"""The body of a call to each endpoint, from its example in the route table. No test keeps a list of bodies."""

from typing import Any, Final

from settings.http.routes import Route

DRY_RUN: Final = "DryRun"


def can_be_dry(route: Route) -> bool:
    """Return whether an endpoint has a dry run."""
    return route.body is not None and "dry_run" in route.body.__struct_fields__


def body_of(route: Route, *, dry_run: bool) -> dict[str, Any]:
    """Return an endpoint's example, which passes its own checks. `dry_run` is left out if it has no dry run."""
    example = {name: value for name, value in (route.shown.example or {}).items() if name != DRY_RUN}
    return {**example, DRY_RUN: dry_run} if can_be_dry(route) else example
