"""The body of a POST: it is read exactly, or refused with the name of the field."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.errors import InvalidInputError
from settings.http.body import MOST_BYTES, Body, is_chunked, read_body
from tests.support.api import Answer, Api

JSON = "application/json"


class Sample(Body, frozen=True):
    """A body with a field of each kind that the API has."""

    name: str | None = None
    names: list[str] | None = None
    dry_run: bool = False
    days: int = 1


def read(raw: bytes | dict[str, object], content_type: str = JSON) -> Sample:
    return read_body(raw if isinstance(raw, bytes) else json.dumps(raw).encode(), content_type, Sample)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"{}", Sample()),
        (b'\xef\xbb\xbf{"Name": "x"}', Sample(name="x")),
        (b'{"NAME": "x", "dryrun": true}', Sample(name="x", dry_run=True)),
        (b'{"name": null}', Sample()),
        ({"Name": {"label": "The x", "value": "x", "addedFields": {"a": 1}}}, Sample(name="x")),
        ({"Name": {"Label": "The x", "Value": "x"}}, Sample(name="x")),
        ({"DryRun": {"label": "Yes", "value": True}}, Sample(dry_run=True)),
        ({"Names": ["a", {"label": "B", "value": "b"}]}, Sample(names=["a", "b"])),
        ({"Name": "x", "tenantFilter": "contoso.com"}, Sample(name="x")),
        ({"tenantid": 7, "TENANTFILTER": {"value": ["a"]}}, Sample()),
        ({"Name": "\U0001f511"}, Sample(name="\U0001f511")),
        (b'{"Name": "\\ud83d\\udd11"}', Sample(name="\U0001f511")),
        (b'{"tenantFilter": ' + b"[" * 100 + b"]" * 100 + b"}", Sample()),
        (b'{"Name": "x"' + b" " * (MOST_BYTES - 13) + b"}", Sample(name="x")),
    ],
)
def test_valid_body_is_read(raw: bytes | dict[str, object], expected: Sample) -> None:
    assert read(raw) == expected


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"Nope": 1}, "Nope"),
        ({"Name": "x", "nope": 1}, "nope"),
        ({"": 1}, ""),
        (b'{"Name": "x", "Name": "y"}', "Name"),
        (b'{"Name": "x", "name": "y"}', "Name"),
        (b'{"Name": null, "NAME": null}', "Name"),
        (b'{"Name": {"value": "x", "value": "y"}}', "value"),
        ({"Name": 1}, "Name"),
        ({"Name": ["x"]}, "Name"),
        ({"Name": {"label": "x"}}, "Name"),
        ({"Name": {"value": "x", "Value": "y"}}, "Name"),
        ({"Name": {"value": {"value": "x"}}}, "Name"),
        ({"Names": "x"}, "Names"),
        ({"Names": ["x", 1]}, "Names"),
        ({"Names": [["x"]]}, "Names"),
        ({"Names": [None]}, "Names"),
        ({"DryRun": "true"}, "DryRun"),
        ({"DryRun": 1}, "DryRun"),
        ({"DryRun": None}, "DryRun"),
        ({"Days": 1.5}, "Days"),
        ({"Days": "1"}, "Days"),
        ({"Days": True}, "Days"),
        (b'{"Days": 1e999}', "Days"),
        (b'{"Days": NaN}', "body"),
        (b'{"Days": -Infinity}', "body"),
        (b'{"Days": ' + b"1" * 5000 + b"}", "body"),
        (b"", "body"),
        (b"  \r\n", "body"),
        (b"\xef\xbb\xbf", "body"),
        (b"\xef\xbb\xbf \n", "body"),
        (b"\t\xef\xbb\xbf", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b'"x"', "body"),
        (b"1", "body"),
        (b"{", "body"),
        (b"{'Name': 'x'}", "body"),
        (b'{"Name": "x",}', "body"),
        (b'{"Name": "x"} {}', "body"),
        (b'{"Name": "\xff"}', "body"),
        ('{"Name": "x"}'.encode("utf-16"), "body"),
        (b'{"Name": "\\ud800"}', "body"),
        (b'{"\\ud800": 1}', "body"),
        (b'{"tenantFilter": "\\udfff"}', "body"),
        (b'{"Name": "a\nb"}', "body"),
        (b"\x00", "body"),
        (b"[" * 200_000, "body"),
        (b'{"Name":' * 20_000, "body"),
        (b'{"Names": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "body"),
        (b'{"Name": "x"}' + b" " * MOST_BYTES, "body"),
    ],
)
def test_invalid_body_is_refused_with_its_field(raw: bytes | dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read(raw)
    assert refused.value.field == field


@pytest.mark.parametrize("raw", [b"", b"  \r\n", b"\v\f", b"\xef\xbb\xbf", b"\t\xef\xbb\xbf \n"])
def test_blank_body_is_reported_as_missing(raw: bytes) -> None:
    with pytest.raises(InvalidInputError, match="Missing body"):
        read(raw)


@pytest.mark.parametrize(
    ("headers", "lost"),
    [
        ({"transfer-encoding": "chunked"}, True),
        ({"transfer-encoding": "gzip, chunked", "content-length": " "}, True),
        ({"transfer-encoding": "chunked", "content-length": "2"}, False),
        ({"transfer-encoding": " "}, False),
        ({"content-length": "2"}, False),
        ({}, False),
    ],
)
def test_chunked_body_without_a_length_is_lost(headers: dict[str, str], lost: bool) -> None:
    assert is_chunked(headers) is lost


@pytest.mark.parametrize("depth", [90, 300, 900, 3_000])
def test_deeply_nested_value_is_refused(depth: int) -> None:
    for opened, closed in ((b"[", b"]"), (b'{"value":', b"}")):
        with pytest.raises(InvalidInputError):
            read(b'{"Names": ' + opened * depth + b"1" + closed * depth + b"}")


@pytest.mark.parametrize(
    "content_type", [JSON, "Application/JSON", "application/json; charset=utf-8", " application/json ;x=y"]
)
def test_json_content_type_is_accepted(content_type: str) -> None:
    assert read(b'{"Name": "x"}', content_type) == Sample(name="x")


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data"]
)
@pytest.mark.parametrize("raw", [b"", b"{}"])
def test_other_content_type_is_refused_even_without_a_body(content_type: str, raw: bytes) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read(raw, content_type)
    assert refused.value.field == "Content-Type"


def post(raw: bytes) -> Answer:
    return Api().call("POST", "ExecFunctionAppStop", raw, headers={"content-type": JSON})


def test_unknown_field_error_names_it_and_the_known_fields(nowhere: pytest.MonkeyPatch) -> None:
    del nowhere
    response = post(b'{"Naem": "x"}')
    assert (response.status, response.body["field"]) == (400, "Naem")
    assert "Name, All, DryRun, Force" in response.results


@pytest.mark.parametrize(
    ("body", "field"), [({"Name": "x", "All": True}, "All"), ({"Name": " "}, "Name"), ({"Name": ""}, "Name")]
)
def test_contradictory_fields_are_refused_without_a_call_to_azure(
    nowhere: pytest.MonkeyPatch, body: dict[str, object], field: str
) -> None:
    del nowhere
    response = post(json.dumps(body).encode())
    assert (response.status, response.body["field"]) == (400, field)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.just("value"), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(["Name", "NAME", "All", "DryRun", "force", "tenantFilter", "x"]) | st.text(max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.dictionaries(NAMES, VALUES, max_size=4).map(lambda body: json.dumps(body).encode()) | st.binary())
def test_random_body_never_causes_an_internal_error(nowhere: pytest.MonkeyPatch, raw: bytes) -> None:
    del nowhere
    response = post(raw)
    # A valid body gets as far as Azure, and fails because a setting is missing.
    assert response.status == 400 or "CIPP_SUBSCRIPTION_ID" in response.results
