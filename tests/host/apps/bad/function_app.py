"""An app that the worker refuses whole."""
# ruff: noqa: ARG001 - each parameter is one that a binding names

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("bad")
def bad(req: func.HttpRequest, more: int = 1) -> str:
    return f"no binding names {more}"
