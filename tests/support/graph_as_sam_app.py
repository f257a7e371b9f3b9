"""Microsoft Graph, called by this app as CIPP's SAM app."""

from backend.configuration.clouds import PUBLIC
from backend.configuration.timeouts import Limits
from backend.sam_app.graph import Graph
from backend.values import SecretText
from sandbox import names
from tests.support.rotation.others import Others


def graph_of(others: Others) -> Graph:
    """Return Graph, called as the SAM app."""
    app = others.azure.state()["applications"][names.SAM_APP_ID]
    token = others.sign_in(app["passwordCredentials"][0]["secretText"]).json()["access_token"]
    return Graph(PUBLIC, Limits(), lambda: SecretText(token))
