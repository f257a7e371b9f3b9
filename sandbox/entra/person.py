"""What a person chooses on a sign-in page. The sandbox's persons have no password."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from starlette.responses import HTMLResponse, Response

from sandbox.azure import Azure
from sandbox.entra.errors import EntraError
from sandbox.people import User


@dataclass(frozen=True)
class Choice:
    """The account, whether it signs in with MFA, and whether the person cancels instead."""

    login: str
    mfa: bool
    cancels: bool


def choice_of(form: Mapping[str, str]) -> Choice:
    """Return the choice in the form of a sign-in page. MFA is the default."""
    return Choice(form.get("login", ""), mfa=form.get("mfa", "true") != "false", cancels=form.get("action") == "cancel")


def person_of(azure: Azure, tenant_id: str, choice: Choice) -> User:
    """Return the account of the tenant.

    Raises:
        EntraError: The tenant does not have it.
    """
    user = azure.directory.account(choice.login, tenant_id)
    if user is None:
        tenant = azure.directory.tenants[tenant_id]
        raise EntraError(
            400,
            "invalid_grant",
            50034,
            f"The user account {choice.login} does not exist in the {tenant.name} directory. To sign into this "
            "application, the account must be added to the directory.",
        )
    return user


def sign_in_page(hint: str = "", *, asks_for_code: bool = False) -> Response:
    """Return the page, whose form goes to its own address."""
    code = '<label>Code <input name="user_code"></label>' if asks_for_code else ""
    return HTMLResponse(
        f"""<!DOCTYPE html><title>Sign in to the sandbox</title><form method="post">{code}
<label>Account <input name="login" value="{escape(hint)}"></label>
<label>With MFA <select name="mfa"><option>true</option><option>false</option></select></label>
<button name="action" value="sign-in">Sign in</button><button name="action" value="cancel">Cancel</button></form>"""
    )


def error_page(error: EntraError) -> Response:
    """Return the page of an error that Entra shows to the person, and not to the application."""
    return HTMLResponse(
        f"<!DOCTYPE html><title>Sign in</title><p>AADSTS{error.number}: {escape(error.message)}</p>", error.status
    )
