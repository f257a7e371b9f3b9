"""Edits of a JSON document, as a table of cases."""

import json
from typing import Any

import pytest

from sandbox.edits import edited, edited_json, read_edits

REMOVE = {"$remove": True}


@pytest.mark.parametrize(
    ("document", "edits", "expected"),
    [
        ({"a": 1}, [["a", 2]], {"a": 2}),
        ({"a": 1}, [["b", 2]], {"a": 1, "b": 2}),
        ({"a": {"b": 1}}, [["a.b", None]], {"a": {"b": None}}),
        ({"a": {"b": 1}}, [["a.c", []]], {"a": {"b": 1, "c": []}}),
        ({"a": 1}, [["b.c", 2]], {"a": 1}),
        ({"a": 1}, [["a.b", 2]], {"a": 1}),
        ({"a": 1, "b": 2}, [["a", REMOVE]], {"b": 2}),
        ({"a": 1}, [["b", REMOVE]], {"a": 1}),
        ({"a": 1}, [["a", {"$remove": False}]], {"a": {"$remove": False}}),
        ({"a": [1, 2, 3]}, [["a.1", 9]], {"a": [1, 9, 3]}),
        ({"a": [1, 2, 3]}, [[["a", 1], 9]], {"a": [1, 9, 3]}),
        ({"a": [1, 2, 3]}, [["a.3", 9]], {"a": [1, 2, 3]}),
        ({"a": [1, 2, 3]}, [["a.x", 9]], {"a": [1, 2, 3]}),
        ({"a": [1, 2, 3]}, [["a.0", REMOVE], ["a.0", REMOVE]], {"a": [3]}),
        ({"a": {"0": 1}}, [["a.0", 2]], {"a": {"0": 2}}),
        ({"a": [1, 2, 3]}, [["a.*", REMOVE]], {"a": []}),
        ({"a": [{"b": 1}, {"b": 2}, 3]}, [["a.*.b", 9]], {"a": [{"b": 9}, {"b": 9}, 3]}),
        ({"a": {"x": {"b": 1}, "y": {}}}, [["a.*.b", 9]], {"a": {"x": {"b": 9}, "y": {"b": 9}}}),
        ({"a": {}}, [["a.*", 9]], {"a": {}}),
        ({"a": {}}, [["a.?x", 9]], {"a": {}}),
        ([{"n": "one"}, {"n": "two"}], [["?two", REMOVE]], [{"n": "one"}]),
        ([{"n": "one"}, {"n": "two"}], [['?"n":"two"', REMOVE]], [{"n": "one"}]),
        ([{"n": "one"}, {"n": "two"}], [['?"n": "two"', REMOVE]], [{"n": "one"}]),
        ([{"n": "é"}, {"n": "e"}], [["?é", REMOVE]], [{"n": "e"}]),
        ({"x": {"id": "u/1.2"}, "y": {}}, [[["?1.2", "ok"], True]], {"x": {"id": "u/1.2", "ok": True}, "y": {}}),
        ([1, 21, 3], [["?1", REMOVE]], [3]),
        ({"a.b": 1, "a": {"b": 1}}, [[["a.b"], 2]], {"a.b": 2, "a": {"b": 1}}),
        ({"": 1}, [[[""], 2]], {"": 2}),
        ({"a": 1}, [["a", {"b": 1}], ["a.b", 2]], {"a": {"b": 2}}),
        ([{}, {}], [["*.t", {"b": 1}], ["0.t.b", 2]], [{"t": {"b": 2}}, {"t": {"b": 1}}]),
        ({"a": 1}, [["a", True]], {"a": True}),
        (1, [["a", 2]], 1),
        ("text", [["*", 2]], "text"),
        ({"a": 1}, [], {"a": 1}),
    ],
)
def test_edits_change_the_members_in_their_paths(document: object, edits: list[Any], expected: object) -> None:
    before = json.dumps(document)
    after = edited(document, read_edits(edits))
    assert json.dumps(after) == json.dumps(expected)
    assert json.dumps(document) == before


@pytest.mark.parametrize("body", [b"", b"<html>a</html>", b'{"a": 1', b'{"a": NaN}', b"\xff"])
def test_body_that_is_not_json_is_unchanged(body: bytes) -> None:
    assert edited_json(body, read_edits([["a", 2]])) == body


def test_body_is_unchanged_when_no_edit_applies() -> None:
    body = b'{ "a":1,\r\n "b":"\\u00e9" }'
    assert edited_json(body, read_edits([["c.d", 2], ["b.*", 3]])) == body
    assert edited_json(body, read_edits([["a", True]])) == b'{"a": true, "b": "\\u00e9"}'


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({}, "list"),
        ("a", "list"),
        (["a"], "edit 1"),
        ([["a", 1], ["a"]], "edit 2"),
        ([["a", 1, 2]], "edit 1"),
        ([["", 1]], "empty"),
        ([["a..b", 1]], "empty"),
        ([[[], 1]], "path"),
        ([[1, 1]], "path"),
        ([[["a", -1], 1]], "path"),
        ([[["a", True], 1]], "path"),
        ([[["a", None], 1]], "path"),
        ([[{"a": 1}, 1]], "path"),
    ],
)
def test_error_names_the_invalid_edit(value: object, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        read_edits(value)
