"""What of an address and of a text is shown: tables of cases."""

import time

import pytest

from backend.text.redaction import HIDDEN, HIDDEN_ADDRESS, public_url, redact

TOKEN = "glpat-Ab12Cd34Ef56"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
KEY = "Ab1+/" * 17 + "A=="


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://github.com/contosomsp/CIPP-API", "https://github.com/contosomsp/CIPP-API"),
        ("  https://github.com/contosomsp/CIPP-API\n", "https://github.com/contosomsp/CIPP-API"),
        (f"https://oauth2:{TOKEN}@gitlab.example.com/msp/api.git", "https://gitlab.example.com/msp/api.git"),
        (f"https://{TOKEN}@gitlab.example.com/msp/api.git", "https://gitlab.example.com/msp/api.git"),
        (f"HTTPS://User:{TOKEN}@Git.Example.COM:8443/Msp", "https://git.example.com:8443/Msp"),
        (f"https://a:b@c:{TOKEN}@git.example.com/x", "https://git.example.com/x"),
        ("https://h.example/p?sv=1&sig=abc", "https://h.example/p"),
        ("https://h.example/p#access_token=abc", "https://h.example/p"),
        ("https://h.example/p%3Fsig%3Dabc", "https://h.example/p"),
        ("https://h.example/p%253fsig%253Dabc", "https://h.example/p"),
        ("https://h.example/p%23abc", "https://h.example/p"),
        ("https://h.example/p?mail=a@b.example", "https://h.example/p"),
        ("https://h.example?sig=abc", "https://h.example"),
        (f"//user:{TOKEN}@h.example/p?x=1", "//h.example/p"),
        (f"https://u:{TOKEN}@[2001:db8::1]:8443/p?x", "https://[2001:db8::1]:8443/p"),
        ("https://[fe80::1%25secret]/p", "https://[fe80::1]/p"),
        ("ssh://git@github.com:22/msp/api", "ssh://github.com:22/msp/api"),
        (f"git+https://x-token:{TOKEN}@h.example/p", "git+https://h.example/p"),
        ("git@github.com:msp/api.git", "github.com:msp/api.git"),
        (f"user:{TOKEN}@h.example:msp/api.git", "h.example:msp/api.git"),
        (f"user:{TOKEN}/x@h.example:msp/api.git", "h.example:msp/api.git"),
        (f"{TOKEN}@h.example/msp/api.git?x=1", "h.example/msp/api.git"),
        ("h.example/msp/api.git", "h.example/msp/api.git"),
        ("https://dev.azure.com/org/_git/api", "https://dev.azure.com/org/_git/api"),
        ("https://registry.example/@scope/package", "https://registry.example/@scope/package"),
        ("https://h.example/p;sig=abc", f"https://h.example/p;sig={HIDDEN}"),
        (f"https://h.example/{JWT}", f"https://h.example/{HIDDEN}"),
    ],
)
def test_an_address_is_shown_without_what_may_hold_a_token(address: str, shown: str) -> None:
    assert public_url(address) == shown


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "   ",
        TOKEN,
        JWT,
        KEY,
        "abc/def",
        f"https://user:{TOKEN}/x@h.example/p",
        f"https://user:{TOKEN}?x@h.example/p",
        f"https://user:{TOKEN}#x@h.example/p",
        f"https://{TOKEN}/x@h.example/p",
        f"https://user%3A{TOKEN}%40h.example/p",
        f"https://user:{TOKEN} x@h.example/p",
        f"https://user:{TOKEN}\nx@h.example/p",
        f"https://h.example\\@{TOKEN}/p",
        "https://h.example:99999/p",
        "https://h.example:port/p",
        "https://[::1/p",
        "https://[no]/p",
        "https://",
        "https://@/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/plain,abc",
        "C:/repositories/api",
        "git@-host:msp/api",
        "git@.h.example/msp/api",
    ],
)
def test_an_address_that_does_not_parse_is_not_shown(address: str | None) -> None:
    assert public_url(address) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "HTTPSPool(host='h'): Max retries exceeded with url: /T(RowKey='T')?sv=1&sig=abc%2B (Caused by X)",
            "HTTPSPool(host='h'): Max retries exceeded with url: /T(RowKey='T') (Caused by X)",
        ),
        ("connection broken by 'X': /path?abc", "connection broken by 'X': /path"),
        ('https://h:443 "GET /a?sig=abc HTTP/1.1" 200 None', 'https://h:443 "GET /a HTTP/1.1" 200 None'),
        ("See https://aka.ms/x?y=z. Then retry.", "See https://aka.ms/x. Then retry."),
        (f"'https://u:{TOKEN}@h.example/p', next", "'https://h.example/p', next"),
        (f"(HTTPS://u:{TOKEN}@[::1]/p?q)", "(https://[::1]/p)"),
        (f"Cloning //u:{TOKEN}@h.example/p ...", "Cloning //h.example/p ..."),
        (f"Cloning u:{TOKEN}@h.example:msp/api.", "Cloning h.example:msp/api."),
        ("Cloning git@h.example:msp/api", "Cloning h.example:msp/api"),
        (f"Cloning https%3A%2F%2Fu%3A{TOKEN}%40h.example%2Fp%3Fsig%3Dabc", "Cloning https://h.example/p"),
        (f"Cloning https://u:{TOKEN}/x@h.example/p", f"Cloning {HIDDEN_ADDRESS}"),
        ("AccountName=a;AccountKey=AAA+/=;EndpointSuffix=c", f"AccountName=a;AccountKey={HIDDEN};EndpointSuffix=c"),
        ("SharedAccessKeyName=a;SharedAccessKey=b=", f"SharedAccessKeyName=a;SharedAccessKey={HIDDEN}"),
        ("client_secret=abc&grant_type=x", f"client_secret={HIDDEN}&grant_type=x"),
        ("sig%3Dabc%2B", f"sig%3D{HIDDEN}"),
        ('{"client_secret": "a\\"b", "x": 1}', f'{{"client_secret": {HIDDEN}, "x": 1}}'),
        ("{'refreshToken': 'abc'}", f"{{'refreshToken': {HIDDEN}}}"),
        ("Password=a;b;Server=c", f"Password={HIDDEN};Server=c"),
        ("The password: hunter2 is wrong", f"The password: {HIDDEN} is wrong"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {HIDDEN}"),
        ("SharedKey account:abc=", f"SharedKey {HIDDEN}"),
        ("x-functions-key: abc", f"x-functions-key: {HIDDEN}"),
        ("Cookie: a=b; c=d", f"Cookie: {HIDDEN}"),
        (f"Token {JWT} has expired", f"Token {HIDDEN} has expired"),
        (f"Remote: {TOKEN}", f"Remote: {HIDDEN}"),
        (f"Key {KEY}.", f"Key {HIDDEN}."),
        (f"Key {'a1B2' * 9}AzFuCdEf==", f"Key {HIDDEN}"),
        *((f"Token {number}.A{'b-C1' * 9}", f"Token {HIDDEN}") for number in "01"),
        *((f"Remote: gh{kind}_{'aB3' * 12}", f"Remote: {HIDDEN}") for kind in "opsur"),
        ("Cloning https%25253A%25252F%25252Fu%25253Ap%252540h.example%25252Fp", "Cloning https://h.example/p"),
    ],
)
def test_a_text_loses_its_credentials(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "AKV10000: Request is missing a Bearer or PoP token.",
        "Basic authentication is off for this app.",
        "Name the secret in the query: ?Name=RefreshToken.",
        "admin@contoso.com called ExecKeyRotation: done.",
        "The Resource 'Microsoft.Web/sites/X' under resource group 'Y' was not found.",
        "PartitionKey='Config',RowKey='Config'",
        "A secret with (name/id) RefreshToken was not found in this key vault. Is it deleted?",
        "Grant this one with: az keyvault set-policy --name cippabc12 --object-id 1f2e --secret-permissions get list",
        "Caller: appid=a;oid=1f2e;iss=https://sts.windows.net/x/ Action: 'Microsoft.KeyVault/vaults/secrets/read'",
        "2026-11-24T06:41:42Z: 12 rotated, 3 unchanged; the run took 4.5 s (limit: 60 s).",
        "Couldn't read secret 'RefreshToken': Azure returned 403 (Forbidden).",
        "Couldn't sign in with the client secret: Microsoft Entra ID is busy.",
    ],
)
def test_a_text_without_credentials_stays_as_it_is(text: str) -> None:
    assert redact(text) == text
    assert redact(redact(text)) == text


@pytest.mark.parametrize(
    "part", ["x", "a@", "a=?/", "key=", "key=;a ", "eyJ", "A/+", "a8Q~", "//", "a://", "%3A%2F%2F", '":', "key='", "[:"]
)
def test_a_text_is_redacted_in_linear_time(part: str) -> None:
    began = time.process_time()
    redact(part * 50_000)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "address", ["https://user?word@h.example/p", "https://user#word@h.example/p", "https://[v1.a:b]/p"]
)
def test_address_whose_host_is_not_certain_is_hidden(address: str) -> None:
    assert public_url(address) is None
    assert redact(f"Couldn't reach {address}") == f"Couldn't reach {HIDDEN_ADDRESS}"


def test_ip_address_at_the_end_of_a_sentence_keeps_its_bracket() -> None:
    text = "Azure calls https://[2001:db8::1]."
    assert redact(text) == text
