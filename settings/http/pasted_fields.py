"""Refuse characters that get into a text by pasting. The fields that allow more than a name are listed here.

Every text of a body and of a query is checked here, so that no field can be forgotten.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from backend.errors import InvalidInputError
from backend.text.pasted_text import Takes, problem_with_text
from backend.text.quoting import quoted, shown

ADVICE: Final = "Type it by hand, or paste it as plain text."
# By the body's type and the field. Every other field takes one name, ID or address.
EXCEPTIONS: Final[Mapping[tuple[str, str], Takes]] = {
    ("Change", "Set"): Takes.SETTING,  # the values
    ("NewSecret", "ContentType"): Takes.LINE,
    ("NewSecret", "Value"): Takes.VALUE,
    ("SignInToFinish", "Pasted"): Takes.LINE,  # an address with a query
}


def check_body(body: str, fields: Mapping[str, Any]) -> None:
    """Check every text of a body, in fields, lists and objects. `fields` has the names on the wire.

    Raises:
        InvalidInputError: A text has a character that its field doesn't allow. The message doesn't contain the text.
    """
    for field, value in fields.items():
        takes = EXCEPTIONS.get((body, field), Takes.NAME)
        for place, text, what in _texts(value, field, takes):
            _check(text, what, place=place, field=field)


def check_name_of_field(name: str) -> None:
    """Check the name of an unknown field.

    Raises:
        InvalidInputError: The name has a character that names don't allow.
    """
    _check(name, Takes.NAME, place="the name of a field", field="body")


def check_query(query: Mapping[str, str]) -> None:
    """Check the names and values of a query.

    Raises:
        InvalidInputError: One has a character that names don't allow.
    """
    for name, value in query.items():
        _check(name, Takes.NAME, place="the name of a query parameter", field="query")
        _check(value, Takes.NAME, place=shown(name), field=shown(name))


def _texts(value: Any, place: str, takes: Takes) -> Iterator[tuple[str, str, Takes]]:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        yield place, value, takes
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{place}[{index}]", takes)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield f"a name in {place}", name, Takes.NAME
            yield from _texts(inner, f"the value of {quoted(name)} in {place}", takes)


def _check(text: str, takes: Takes, *, place: str, field: str) -> None:
    if problem := problem_with_text(text, takes):
        subject = "it" if place == field else place
        raise InvalidInputError(f"Invalid {field}: {subject} {problem}.", field=field, advice=ADVICE)
