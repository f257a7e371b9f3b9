"""CIPP's function apps: the main app, its offload apps, and this app."""

from collections.abc import Sequence

from backend.azure.clients import Clients
from backend.errors import ConflictError
from backend.hosting.other_processes import other_processes
from backend.hosting.results.apps import Action, Consent, Control, Controlled, FunctionApp, Restarted
from backend.hosting.shape_errors import UnknownShapeError
from backend.hosting.sites import Sites, in_turn, is_named, planned, refusal_on_this_app
from backend.installation.discovery import Discovery
from backend.installation.installation import Deployment, offload_suffix
from backend.installation.main_app import FIXED_TIERS
from backend.readings import Json, properties_of, text_of


class FunctionApps:
    """The service of the function apps. Reads require Reader on the group, writes Website Contributor on the apps."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._discovery = discovery
        self._sites = Sites(clients, discovery, _is_cipps)

    def apps(self) -> list[FunctionApp]:
        """Return the apps of this deployment, the main app first. Requires Microsoft.Web/sites/read on the group."""
        return self._sites.apps()

    def apps_and_fixed(self) -> tuple[list[FunctionApp], frozenset[str]]:
        """Return the apps, and the names in lower case of those whose number of instances only a person changes.

        If a slot of CIPP or a container is in the group, no app is fixed, because that may use CIPP's tables.
        """
        sites = self._sites.all()
        fixed = frozenset(
            text_of(site.get("name")).lower()
            for site in sites
            if text_of(properties_of(site).get("sku")).lower() in FIXED_TIERS
        )
        is_alone = not other_processes(sites, self._discovery.deployment())
        return self._sites.apps(sites), fixed if is_alone else frozenset()

    def find(self, name: str | None, *, among: Sequence[FunctionApp] | None = None) -> FunctionApp:
        """Return the app with that name, by default the main app. `among` are the apps if already listed.

        Raises:
            NotFoundError: The app is not part of this deployment.
        """
        return self._sites.find(name, among=among)

    def addresses(self) -> str:
        """Return sentences with the outbound addresses of this app and CIPP's main app in ARM, for an admin."""
        return self._sites.addresses()

    def control(self, action: Action, *, name: str | None, every: bool, dry_run: bool, consent: Consent) -> Control:
        """Start, stop or restart one app (by default the main app), or the main and offload apps in turn.

        It stops at the first failure: if an app did not come back, the next one must keep running. A start does not
        update a function app, so the `update` of the consent has no effect.

        Raises:
            NotFoundError: The app is not part of this deployment.
            ConflictError: The app is this app, and the consent is without `force`.
        """
        targets = self._sites.targets(name, every=every)
        for app in targets:
            must_be_function_app(app)
        refusal = refusal_on_this_app(action, targets, force=consent.force)
        if dry_run:
            would_do = [planned(action, app) for app in targets]
            return Control(dry_run=True, would_do=[f"Refuse: {refusal}"] if refusal else would_do, apps=[])
        if refusal:
            raise refusal

        def carry_out(app: FunctionApp) -> Controlled:
            if action == "restart":
                return self._sites.restart(app.name, app.kind).app
            return self._sites.start_or_stop(action, app)

        return in_turn(targets, carry_out)

    def restart(self, name: str) -> Restarted:
        """Restart one app of this deployment, and store it. Requires Website Contributor on the app.

        The app is not looked up first: the caller has the name from a list.

        Raises:
            ConflictError: The app is this app.
            AzureUnreachableError: Azure did not respond within `restart_timeout_seconds`. The app may have restarted.
            BackendError: The restart failed.
        """
        if name.lower() == (self._discovery.deployment().answering_app or "").lower():
            raise ConflictError(f"Couldn't restart '{name}': it is this app, and a restart would end the run.")
        return self._sites.restart(name)


def _is_cipps(site: Json, deployment: Deployment) -> bool:
    """Return whether a site is the main app or one of its offload apps."""
    if is_named(site, deployment.main_app):
        return True
    suffix = offload_suffix(text_of(site.get("name")))
    return suffix is not None and is_named(site, f"{deployment.main_app}-{suffix}")


def must_be_function_app(app: FunctionApp) -> None:
    """Refuse a change of the main app if Azure now shows another kind of app than before.

    Raises:
        UnknownShapeError: CIPP was migrated, and this app has not looked again yet.
    """
    if app.is_main and app.kind != "FunctionApp":
        raise UnknownShapeError(
            f"'{app.name}' was a function app and is one no longer, so nothing was changed.",
            advice="Try again in some minutes, when this app has looked at CIPP again.",
        )
