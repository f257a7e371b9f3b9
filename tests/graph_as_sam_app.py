"""Microsoft Graph as this app calls it: as CIPP's SAM app."""

from backend.clouds import PUBLIC
from backend.graph import Graph
from backend.limits import Limits
from backend.values import SecretText
from sandbox import names
from tests.rotation.others import Others


def graph_of(others: Others) -> Graph:
    """Graph, called as the SAM app."""
    app = others.azure.state()["applications"][names.SAM_APP_ID]
    token = others.sign_in(app["passwordCredentials"][0]["secretText"]).json()["access_token"]
    return Graph(PUBLIC, Limits(), lambda: SecretText(token))
