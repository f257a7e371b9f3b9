"""Route templates in ASP.NET's format."""

import pytest

from sandbox.host.route import parse

GUID = "0b9a4a5e-7d3c-4c36-9f8e-0d6f6d1f7a11"
CASES = [
    ("api/x", "/api/x", {}),
    ("api/x", "/API/X/", {}),
    ("api/x", "/api/x/y", None),
    ("api/x", "/api//x", None),
    ("api/{id}", "/api/a%20b", {"id": "a b"}),
    ("api/{id}", "/api/a%2Fb", {"id": "a%2Fb"}),
    ("api/{id}", "/api", None),
    ("api/{id?}", "/api", {}),
    ("api/{id?}", "/api/5", {"id": "5"}),
    ("api/{id:int}", "/api/-5", {"id": "-5"}),
    ("api/{id:int}", "/api/five", None),
    ("api/{id:guid}", f"/api/{GUID}", {"id": GUID}),
    ("api/{id:guid}", "/api/search", None),
    ("api/{id:int?}", "/api", {}),
    ("api/{*rest}", "/api", {}),
    ("api/{*rest}", "/api/a/b%20c/d", {"rest": "a/b c/d"}),
    ("api/{name}.{extension}", "/api/a.json", {"name": "a", "extension": "json"}),
    ("", "/", {}),
]


@pytest.mark.parametrize(("template", "path", "values"), CASES)
def test_template_matches_its_paths(template: str, path: str, values: dict[str, str] | None) -> None:
    assert parse(template).match(path) == values
