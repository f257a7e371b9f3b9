"""What comes along when a text is pasted: 400 that names the character, in every field of the API's description."""

import json
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

import function_app
from backend.text.pasted_text import Takes, problem_with_text
from sandbox import names
from settings.http import pasted_fields
from settings.http.routes import all_routes
from settings.openapi.document import document
from tests.support import phrases
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox
from tests.support.settings_in_azure import change, held, writes

ROUTES = all_routes(function_app.PAGES)
Json = Any  # what JSON may hold
PLANTED = "PLANTED-value"
INVISIBLE = {
    "\u200b": "ZERO WIDTH SPACE",
    "\u200c": "ZERO WIDTH NON-JOINER",
    "\u200d": "ZERO WIDTH JOINER",
    "\u2060": "WORD JOINER",
    "\ufeff": "ZERO WIDTH NO-BREAK SPACE",
    "\u00ad": "SOFT HYPHEN",
    "\u200e": "LEFT-TO-RIGHT MARK",
    "\u202e": "RIGHT-TO-LEFT OVERRIDE",
    "\u2069": "POP DIRECTIONAL ISOLATE",
    "\u061c": "ARABIC LETTER MARK",
    "\ufe0f": "VARIATION SELECTOR-16",
    "\U000e0101": "VARIATION SELECTOR-18",
    "\u00a0": "NO-BREAK SPACE",
    "\u202f": "NARROW NO-BREAK SPACE",
    "\u2003": "EM SPACE",
    "\u3000": "IDEOGRAPHIC SPACE",
    "\u3164": "HANGUL FILLER",
    "\u2028": "LINE SEPARATOR",
    "\x00": "NULL",
    "\x7f": "DELETE",
    "\x85": "NEXT LINE",
}
LOOK_ALIKES = {
    "\u2010": "HYPHEN",
    "\u2013": "EN DASH",
    "\u2014": "EM DASH",
    "\u2212": "MINUS SIGN",
    "\u2018": "LEFT SINGLE QUOTATION MARK",
    "\u201d": "RIGHT DOUBLE QUOTATION MARK",
    "\u00ab": "LEFT-POINTING DOUBLE ANGLE QUOTATION MARK",
    "\u2032": "PRIME",
    "\uff20": "FULLWIDTH COMMERCIAL AT",
    "\uff0e": "FULLWIDTH FULL STOP",
    "\u3002": "IDEOGRAPHIC FULL STOP",
    "\uff41": "FULLWIDTH LATIN SMALL LETTER A",
    "\u212a": "KELVIN SIGN",
}
BREAKS = {"\t": "CHARACTER TABULATION", "\n": "LINE FEED", "\r": "CARRIAGE RETURN"}
PEM = "-----BEGIN CERTIFICATE-----\r\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("takes", Takes)
@pytest.mark.parametrize(("character", "name"), INVISIBLE.items())
def test_invisible_character_is_named_with_its_position(takes: Takes, character: str, name: str) -> None:
    for text, position in ((f"{character}abc", 1), (f"ab{character}c", 3), (f"abc{character}", 4)):
        problem = problem_with_text(text, takes)
        assert phrases.at_position(f"U+{ord(character):04X} ({name})", position) in problem


@pytest.mark.parametrize(("character", "name"), LOOK_ALIKES.items())
def test_look_alike_is_refused_in_a_name_and_accepted_in_a_value(character: str, name: str) -> None:
    for takes in Takes:
        problem = problem_with_text(f"ab{character}c", takes)
        assert (phrases.at_position(f"({name})", 3) in problem) is (takes is Takes.NAME)


@pytest.mark.slow("it tries every character of Unicode")
def test_every_character_without_a_look_is_refused_and_letters_are_accepted() -> None:
    for code in (*range(0x21), *range(0x7F, sys.maxunicode + 1)):
        category = unicodedata.category(chr(code))
        text = f"a{chr(code)}b"
        if category in ("Cf", "Zs", "Zl", "Zp", "Cc") and chr(code) not in " \t\r\n":
            assert problem_with_text(text, Takes.SETTING), hex(code)
        if category in ("Lu", "Ll", "Nd") and unicodedata.is_normalized("NFKC", chr(code)):
            assert not problem_with_text(text, Takes.NAME), hex(code)


@pytest.mark.parametrize(
    ("text", "takes", "named"),
    [
        ("a@x.com; b@y.com", Takes.NAME, phrases.at_position("U+003B (SEMICOLON)", 8)),
        ("a@x.com,b@y.com", Takes.NAME, phrases.at_position("U+002C (COMMA)", 8)),
        ("a@x.com b@y.com", Takes.NAME, phrases.at_position("U+0020 (SPACE)", 8)),
        ("a@x.com\nb@y.com", Takes.NAME, phrases.at_position("U+000A (LINE FEED)", 8)),
        ("a.com|b.com", Takes.NAME, phrases.at_position("U+007C (VERTICAL LINE)", 6)),
        ("a@x.com;", Takes.NAME, phrases.at_position("U+003B (SEMICOLON)", 8)),
        ("Europe/Rome, UTC", Takes.NAME, phrases.at_position("U+002C (COMMA)", 12)),
        ("W. Europe Standard Time", Takes.NAME, ""),
        ("Central Standard Time (Mexico)", Takes.NAME, ""),
        (" RefreshToken ", Takes.NAME, ""),
        ("ci pp.contoso.com", Takes.NAME, ""),
        ("a@x.com/b@y.com", Takes.NAME, phrases.at_position("a second U+0040 (COMMERCIAL AT)", 10)),
        ("guest_x.com#EXT#@contoso.onmicrosoft.com", Takes.NAME, ""),
        ("a.com b.com", Takes.NAME, phrases.at_position("U+0020 (SPACE)", 6)),
        ("a; b, c", Takes.LINE, ""),
        ("a; b", Takes.VALUE, ""),
        ("line\nline\tx\r\ny", Takes.SETTING, ""),
        ("line\n", Takes.SETTING, phrases.at_position("U+000A (LINE FEED)", 5)),
        ("token\r\n", Takes.VALUE, phrases.at_position("U+000D (CARRIAGE RETURN)", 6)),
        ('{\n "a": 1\n}', Takes.VALUE, ""),
        (f"Bag Attributes\n{PEM}", Takes.VALUE, ""),
        ("a@x.com\ufffc", Takes.VALUE, phrases.at_position("U+FFFC (OBJECT REPLACEMENT CHARACTER)", 8)),
        ("a\u0378", Takes.NAME, "U+0378"),
        ("to\nken", Takes.VALUE, phrases.at_position("U+000A (LINE FEED)", 3)),
        (PEM, Takes.VALUE, ""),
        (PEM, Takes.SETTING, ""),
        (PEM.replace("MIIB", "MI\u200bIB"), Takes.VALUE, phrases.at_position("U+200B (ZERO WIDTH SPACE)", 32)),
        ("p\u00e4ss \u2013 \u201cw\u00f6rd\u201d", Takes.VALUE, ""),
        ("\u041f\u0440\u0438\u0432\u0435\u0442 \U0001f511", Takes.SETTING, ""),
        ("", Takes.NAME, ""),
    ],
)
def test_field_takes_what_its_kind_takes(text: str, takes: Takes, named: str) -> None:
    problem = problem_with_text(text, takes)
    assert named in problem
    assert bool(problem) is bool(named)


def described() -> Json:
    return json.loads(msgspec.json.encode(document(ROUTES)))


def places(schema: Json, components: Json, value: Json) -> Iterator[Json]:
    """Yield the value with a planted text in each place in turn where the schema has a text."""
    while "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    for kind in schema.get("anyOf", [schema]):
        if kind.get("type") == "string":
            yield PLANTED
        elif kind.get("type") == "array":
            yield from ([found] for found in places(kind["items"], components, None))
        elif kind.get("type") == "object":
            before = value if isinstance(value, dict) else {}
            for name, inner in kind.get("properties", {}).items():
                yield from ({**before, name: found} for found in places(inner, components, before.get(name)))
            if isinstance(kind.get("additionalProperties"), dict):
                yield {PLANTED: "x"}
                yield from ({"API_KEY": found} for found in places(kind["additionalProperties"], components, None))


def fields() -> list[Any]:
    """Return every text of every body: the endpoint, the body with a text planted there, and the field."""
    whole = described()
    found: list[Any] = []
    for route in ROUTES:
        if route.body is None:
            continue
        schema = whole["paths"][f"/{route.path}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        example = dict(route.shown.example or {})
        for body in places(schema, whole["components"]["schemas"], example):
            (field,) = (name for name in body if body[name] != example.get(name))
            found.append(pytest.param(route.name, body, field, id=f"{route.name}-{field}-{len(found)}"))
    return found


FIELDS = fields()


def test_walk_reaches_every_field_that_takes_a_text() -> None:
    reached = {(param.values[0], param.values[2]) for param in FIELDS}
    for route in ROUTES:
        for field in msgspec.structs.fields(route.body) if route.body else ():
            assert ((route.name, field.encode_name) in reached) is (
                "str" in str(field.type) or "date" in str(field.type)
            )
    bodies = {route.body.__name__: route.body for route in ROUTES if route.body}
    for body, name in pasted_fields.EXCEPTIONS:
        assert name in {field.encode_name for field in msgspec.structs.fields(bodies[body])}


@pytest.mark.parametrize("character", ["\u200b", "\u00a0", "\u202e"])
@pytest.mark.parametrize(("endpoint", "body", "field"), FIELDS)
def test_invisible_character_in_a_field_is_refused_and_named(
    nowhere: pytest.MonkeyPatch, endpoint: str, body: Json, field: str, character: str
) -> None:
    del nowhere  # refused before Azure is called
    planted = json.loads(json.dumps(body).replace(PLANTED, f"{PLANTED}\\u{ord(character):04x}"))
    answer = Api().post(endpoint, planted)
    assert (answer.status, answer.body["field"]) == (400, field), answer.text
    assert phrases.at_position(f"U+{ord(character):04X} ({INVISIBLE[character]})", len(PLANTED) + 1) in answer.results
    assert PLANTED not in answer.text


@pytest.mark.parametrize(("endpoint", "body", "field"), [one for one in FIELDS if one.values[2] != "Value"])
def test_look_alike_in_a_name_is_refused_and_named(
    nowhere: pytest.MonkeyPatch, endpoint: str, body: Json, field: str
) -> None:
    del nowhere
    if field in ("ContentType", "Pasted") or body.get(field) == {"API_KEY": PLANTED}:
        return  # free text, an address of Entra, and another app's value
    answer = Api().post(endpoint, json.loads(json.dumps(body).replace(PLANTED, f"{PLANTED}\\u2013")))
    assert (answer.status, answer.body["field"]) == (400, field), answer.text
    assert "U+2013 (EN DASH)" in answer.results


@pytest.mark.parametrize(
    ("endpoint", "name"), [(route.name, one.name) for route in ROUTES for one in route.shown.query]
)
def test_invisible_character_in_a_query_is_refused_and_named(
    nowhere: pytest.MonkeyPatch, endpoint: str, name: str
) -> None:
    del nowhere
    pasted = quote("cippabc12\u200b")
    answer = Api().get(f"{endpoint}?{name}={pasted}")
    assert (answer.status, answer.body["field"]) == (400, name)
    assert phrases.at_position("U+200B (ZERO WIDTH SPACE)", 10) in answer.results
    # A parameter that is not read would leave the main app, or the last runs.
    pasted = quote(f"{name}\u00a0")
    answer = Api().get(f"{endpoint}?{pasted}=x")
    assert (answer.status, answer.body["field"]) == (400, "query")
    assert "U+00A0 (NO-BREAK SPACE)" in answer.results


@pytest.mark.parametrize("separator", ["; ", ",", " ", "\n", "\r\n", "|"])
def test_two_addresses_in_one_field_are_refused(nowhere: pytest.MonkeyPatch, separator: str) -> None:
    del nowhere
    details = f"alex@contosomsp.com{separator}kim@contosomsp.com"
    answer = Api().post("ExecStaticWebAppUserInvite", {"UserDetails": details, "Roles": ["editor"], "Hours": 1})
    assert (answer.status, answer.body["field"]) == (400, "UserDetails")
    assert f"U+{ord(separator[0]):04X}" in answer.results
    assert "position 20" in answer.results
    assert "kim" not in answer.text
    answer = Api().post("ExecStaticWebAppDomainAdd", {"Domain": f"a.contosomsp.com{separator}b.contosomsp.com"})
    assert (answer.status, answer.body["field"]) == (400, "Domain")
    assert f"U+{ord(separator[0]):04X}" in answer.results


def test_name_of_an_unknown_endpoint_is_named_by_its_character(api: Api) -> None:
    answer = api.get(quote("ListBackend\u200b"))
    assert answer.status == 404
    assert phrases.at_position("Its name contains U+200B (ZERO WIDTH SPACE)", 12) in answer.results


def test_name_of_an_unknown_field_is_named_by_its_character(nowhere: pytest.MonkeyPatch) -> None:
    del nowhere
    answer = Api().post("ExecFunctionAppStop", {"Na\u200bme": "x"})
    assert (answer.status, answer.body["field"]) == (400, "body")
    assert phrases.at_position("U+200B (ZERO WIDTH SPACE)", 3) in answer.results


def test_label_of_a_select_may_hold_anything(api: Api) -> None:
    body = {"Domain": {"label": "new \u2013 contoso\u200b", "value": "nope"}}
    assert phrases.WITHOUT_HOST_NAME in api.post("ExecStaticWebAppDomainRemove", body).results


def test_values_of_cipps_settings_and_secrets_arrive_as_sent(api: Api, azure: Sandbox) -> None:
    value = "p\u00e4ss \u2013 \u201cw\u00f6rd\u201d;\n\tx, y"
    assert change(api, Set={"API_KEY": value}).status == 200
    assert held(azure)["API_KEY"] == value
    for secret in (PEM, "p\u00e4ss \u2013 w\u00f6rd; "):
        assert api.post("ExecKeyVaultSecretSet", {"Name": "Example", "Value": secret}).status == 200
        assert azure.state()["vaults"][names.VAULT]["secrets"]["Example"][-1]["value"] == secret


def test_refused_paste_changes_nothing(api: Api, azure: Sandbox) -> None:
    body = {"Name": names.MAIN_SITE, "Set": {"API_KEY": f"{PLANTED}\u200b"}}
    answer = change(api, **body)
    assert answer.status == 400
    assert " 'API_KEY' in Set contains U+200B" in answer.results
    assert writes(azure) == []
