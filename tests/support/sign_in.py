"""A person at Entra's sign-in pages in the sandbox, and the two calls of a sign-in for a refresh token."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from sandbox import names
from tests.support.api import Answer, Api
from tests.support.sandbox_client import Control, Sandbox

DEVICE_PAGE = "https://login.microsoftonline.com/common/oauth2/deviceauth"
INTERVAL_SECONDS = 5


@dataclass(frozen=True)
class Person:
    """A person in a browser. `mfa` is whether they sign in with MFA."""

    azure: Sandbox
    login: str = names.ADMIN_NAME
    mfa: bool = True

    def form(self, action: str = "sign-in") -> dict[str, str]:
        return {"login": self.login, "mfa": str(self.mfa).lower(), "action": action}

    def enter(self, user_code: str, action: str = "sign-in") -> None:
        """Enter a device code, and sign in or cancel."""
        answer = self.azure.web().post(DEVICE_PAGE, data={"user_code": user_code, **self.form(action)})
        assert answer.status_code == 200, answer.text

    def sign_in_at(self, address: str, action: str = "sign-in") -> str:
        """Sign in at a page, and return the address of the page that follows."""
        web = self.azure.web()
        assert web.get(address).status_code == 200
        answer = web.post(address, data=self.form(action), allow_redirects=False)
        assert answer.status_code == 302, answer.text
        followed = str(answer.headers["location"])
        assert web.get(followed).status_code == 200
        return followed


def start(api: Api, name: str = "RefreshToken", **more: object) -> Answer:
    return api.post("ExecKeySignInStart", {"Name": name, **more})


def finish(api: Api, state: str, **more: object) -> Answer:
    return api.post("ExecKeySignInFinish", {"State": state, **more})


def host_of(address: str) -> str:
    return str(urlsplit(address).hostname)


def next_poll(control: Control) -> None:
    """Let the time between two polls pass in the sandbox."""
    control.advance(INTERVAL_SECONDS + 1)
