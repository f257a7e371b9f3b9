"""Remove credentials from URLs and from texts of other programs before they are shown, logged or stored. Pure.

A URL loses its user, password, query and fragment, because each can contain a token. A URL that can't be parsed is not
shown. A text loses everything that looks like a credential. A secret that looks like a plain word stays, so a text is
shown only if Azure wrote it for an admin.
"""

import re
from functools import cache
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

HIDDEN: Final = "[hidden]"
HIDDEN_ADDRESS: Final = "[address hidden]"
_MOST_ENCODINGS: Final = 3  # of one text, such as %25253F
_CLOSING: Final = "'\")]}>.,;:!*"  # characters that can follow a URL in a sentence

# The value of a name with such an ending is a credential. Key Vault's and the tables' own names are exceptions.
_NAMES: Final = (
    r"(?:(?<![A-Za-z])sig|(?<!partition)(?<!row)key|secret|secrettext|passw(?:or)?d|passwd|pwd|token"
    r"|signature|assertion|credentials?|authorization|cookie)"
)
_WORDS: Final = r"[A-Za-z_]{1,20}(?:[.,;:)!]?(?:\s|$)|[\"'=])"  # "Bearer token.", "Basic authentication"
_SENTENCE: Final = r"(?!(?:Azure|Microsoft|Internal)\s)"  # "Couldn't read secret 'A': Azure returned ..."
_HEADERS: Final = (
    r"passw(?:or)?d|passwd|pwd|client[_ ]?secret|(?:account|access|api|x-functions)[_ -]?key|x-ms-token-[\w-]+"
)
_VALUE: Final = r"(?:\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|(?:(?![&;][\w .%-]*(?:=|\s|$))[^\s\"<>])+)"
# Substrings in lower case, the pattern, and its replacement. The pattern is tried if a text contains a substring.
_CREDENTIALS: Final = (
    (
        ("bearer", "basic", "pop", "sharedkey", "sharedaccesssignature"),
        rf"\b(Bearer|Basic|PoP|SharedKey(?:Lite)?|SharedAccessSignature)(\s+|%20)(?!{_WORDS})[^\s\"',;<>]+",
        rf"\1\2{HIDDEN}",
    ),
    (
        ("passw", "pwd", "secret", "key", "x-ms-token"),
        rf"\b({_HEADERS})(\s*:\s*)(?![\s\"']){_SENTENCE}[^\s<>\"]+",
        rf"\1\2{HIDDEN}",
    ),
    (("cookie",), r"\b((?:set-)?cookie\s*:\s*)[^\r\n]+", rf"\1{HIDDEN}"),
    (('":', "':", '" :', "' :"), rf"({_NAMES}\\?[\"']\s*:\s*){_SENTENCE}{_VALUE}", rf"\1{HIDDEN}"),
    (("=", "%3d", "%253d"), rf"({_NAMES}\s*(?:=|%(?:25)*3D)\s*){_VALUE}", rf"\1{HIDDEN}"),
    (("eyj",), r"\beyJ[\w-]{5,}(?:\.[\w-]*)*", HIDDEN),  # a JWT
    (("gh", "glpat"), r"\b(?:gh[opsur]_\w{10,}|github_pat_\w{10,}|glpat-[\w.-]{8,})", HIDDEN),
    (("q~",), r"(?<![\w.~-])[\w.~-]{3}\dQ~[\w.~-]{20,}", HIDDEN),  # a client secret of Entra
    (("0.a", "1.a"), r"\b[01]\.A[\w-]{30,}(?:\.[\w-]+)*", HIDDEN),  # a refresh token of Entra
    (("==",), r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==", HIDDEN),  # a storage account's key
    (("azfu",), r"(?<![\w-])[\w-]{30,}AzFu[\w=]+", HIDDEN),  # a key of a Functions host
)
_LONGEST: Final = 20_000  # characters, the rest is cut off


def public_url(address: object) -> str | None:
    """Return a URL without its user, password, query and fragment, or None if it can't be parsed.

    It accepts URLs with a scheme, relative to one (`//host/path`), of git over SSH (`git@host:path`), and bare ones
    (`host.example/path`).
    """
    text = str(address or "").strip()
    if not text or not text.isprintable() or re.search(r"[\s\"<>`\\]", text):
        return None
    bare = _with_scheme(text) if "//" in text.partition("@")[0] or text.startswith("//") else _without_scheme(text)
    return _hide(bare) if bare else None


def redact(text: str) -> str:
    """Return a text with public URLs only, and without anything that looks like a credential."""
    patterns, text = _patterns(), text[:_LONGEST]
    if "//" in text:
        text = patterns["address"].sub(_address, text)
    if "%" in text:
        text = patterns["encoded"].sub(lambda match: public_url(_decoded(match[0])) or HIDDEN_ADDRESS, text)
    if "@" in text or "?" in text:
        text = patterns["word"].sub(lambda match: _word(match[0]), text)
    return _hide(text)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Return the patterns of URLs, compiled on first use, because each cold start pays for imports."""
    return {
        "address": re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]{0,30}:|(?<![\w:/.]))//[^\s\"<>`]+"),
        "encoded": re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}%(?:25)*3[Aa]%(?:25)*2[Ff][^\s\"<>&;,]+"),
        "word": re.compile(r"[^\s\"'<>`]+"),
    }


@cache
def _credential(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _hide(text: str) -> str:
    lower = text.lower()
    for hints, pattern, instead in _CREDENTIALS:
        if any(hint in lower for hint in hints):
            text = _credential(pattern).sub(instead, text)
    return text


def _with_scheme(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    authority = text.partition("//")[2].partition("/")[0]
    if "@" in authority.removeprefix(parts.netloc):  # https://user:pass?word@host: the host is ambiguous
        return None
    host, path = _host(parts), _path(parts.path)
    if host is None or path is None:
        return None
    scheme = f"{parts.scheme}:" if parts.scheme else ""
    return f"{scheme}//{host}{'' if port is None else f':{port}'}{path}"


def _without_scheme(text: str) -> str | None:
    match = re.fullmatch(r"(?P<user>[^?#]*@)?(?P<host>[\w.-]+|\[[\w.:%]+\])(?P<path>[:/][^?#]*)?(?:[?#].*)?", text)
    if match is None:
        return None
    host, path = match["host"], _path(match["path"] or "")
    is_named = re.fullmatch(r"(?:[\w-]+\.)+[A-Za-z]{2,}", host) is not None and path != ""
    if path is None or not (match["user"] or is_named) or host.startswith(("-", ".")):
        return None
    return f"{host}{path}"


def _host(parts: SplitResult) -> str | None:
    host = parts.hostname or ""
    if ":" in host:
        try:
            return f"[{IPv6Address(host.partition('%')[0])}]"
        except ValueError:
            return None
    return host if re.fullmatch(r"\w(?:[\w.-]{0,251}[\w.])?", host) else None


def _path(path: str) -> str | None:
    """Return a path up to an encoded query or fragment, or None if an `@` in it might follow a user name."""
    path = re.split(r"(?i)%(?:25)*(?:3f|23)", path, maxsplit=1)[0]
    return None if re.search(r"(?i)[^/](?:@|%(?:25)*40)", path) else path


def _address(match: re.Match[str]) -> str:
    """Return the public URL for a URL in a text, with the punctuation that follows it."""
    address = match[0].rstrip(_CLOSING)
    if address.count("[") > address.count("]"):
        address += match[0][len(address)]
    return (public_url(address) or HIDDEN_ADDRESS) + match[0][len(address) :]


def _word(word: str) -> str:
    """Return a word without the query of a path, and without the user of a git address."""
    path, _, query = word.partition("?")
    if path and query.rstrip(_CLOSING) and ("/" in path or "=" in query):
        word = path + query[len(query.rstrip(_CLOSING)) :]
    user, _, host = word.rstrip(_CLOSING).rpartition("@")
    is_login = ":" in user or re.match(r"(?:[\w.-]+|\[[\w.:]+\])[:/\\]", host) is not None
    if not user or "//" in user or not is_login:
        return word
    return host + word[len(word.rstrip(_CLOSING)) :]


def _decoded(text: str) -> str:
    for _ in range(_MOST_ENCODINGS):
        text = unquote(text)
    return text
