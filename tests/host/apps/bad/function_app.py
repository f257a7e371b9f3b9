"""An app that the worker refuses completely."""
# ruff: noqa: ARG001 - each parameter has the name of a binding

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("bad")
def bad(req: func.HttpRequest, more: int = 1) -> str:
    return f"no binding names {more}"
