"""Keys and passwords: which texts of a process are some, and how they are kept out of everything that is written or shown."""

import base64
import hashlib
import os
import re
from argparse import Namespace
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

MARK = "***"
SHORTEST = 6
"""Characters from which on a secret is looked for in other texts: a shorter one stands in ordinary words."""

HARMLESS = ("api-version",)
"""Parameters of addresses whose values are shown."""

_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)
_NAME = (
    r"[\w-]*(?:api[-_]?key|access[-_]?key|(?<![\w-])key|secret|password|passwd|(?:(?<![\w-])|api|access|auth|hub|hf)[-_]?token)"
)
_NAMED = re.compile(rf"(?P<head>{_NAME}(?:=|[\"']\s*:\s*)[\"']?)(?P<value>[^\s,&;'\"…]+)", re.IGNORECASE)
_PREFIXED = re.compile(r"(sk|pk|hf|gsk|xai|nvapi|key|token|secret)[-_].{4,}", re.IGNORECASE)
_RANDOM = re.compile(r"(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]{12,}", re.IGNORECASE)


def hidden(text: str) -> str:
    """A text with `***` for passwords and keys in its addresses (userinfo, parameters, parts of the path) and `api_key=VALUE`s.

    Of a part of a path the first digits of its hash stay, so that two servers that differ there alone are told apart.

    >>> hidden("http://me:pw@host/v1?key=1 --model-args api_key=abc,fps=2")
    'http://***@host/v1?key=*** --model-args api_key=***,fps=2'
    """
    return _scan(text)[0]


def known(environ: Mapping[str, str], given: Iterable[str]) -> tuple[str, ...]:
    """The secrets of a process that are long enough to be looked for in other texts, the longest first.

    They are in environment variables named like keys, or that hold an address, and in texts of the user: addresses and arguments.
    """
    found = [value for name, value in environ.items() if _VARIABLE.search(name)]
    for text in (*given, *(value for value in environ.values() if "://" in value)):
        found += _scan(text)[1]
    forms = {form for secret in found for form in (secret, unquote(secret), quote(secret, safe=""))}
    return tuple(sorted((form for form in forms if len(form) >= SHORTEST), key=lambda form: (-len(form), form)))


def of(options: Namespace) -> tuple[str, ...]:
    """The secrets of this process and of the options of a command; see `known`."""
    values = [value for given in vars(options).values() for value in (given if isinstance(given, list | tuple) else [given])]
    return known(os.environ, (value for value in values if isinstance(value, str)))


def redact(text: str, secrets: Iterable[str]) -> str:
    """A text with `***` for each of these secrets.

    >>> redact("bad key sk-12345", ["sk-12345"])
    'bad key ***'
    """
    for secret in secrets:
        text = text.replace(secret, MARK)
    return text


def _scan(text: str) -> tuple[str, list[str]]:
    """The text without its secrets, and them."""
    found: list[str] = []

    def address(match: re.Match[str]) -> str:
        shown, parts = _address(match[0])
        found.extend(parts)
        return shown if parts else match[0]

    def named(match: re.Match[str]) -> str:
        if match["value"] != MARK:
            found.append(match["value"])
        return match["head"] + MARK

    return _NAMED.sub(named, _ADDRESS.sub(address, text)), found


def _address(address: str) -> tuple[str, list[str]]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return MARK, [address]
    userinfo, at, host = parts.netloc.rpartition("@")
    user, colon, password = userinfo.partition(":")
    # A server may echo the header that is made of them.
    found = [password if colon else user, base64.b64encode(unquote(userinfo).encode()).decode()] if userinfo else []
    path = []
    for part in parts.path.split("/"):
        is_key = _PREFIXED.fullmatch(part) or _RANDOM.search(part)
        found += [part] if is_key else []
        path.append(MARK + hashlib.sha256(part.encode()).hexdigest()[:8] if is_key else part)
    query = parse_qsl(parts.query, keep_blank_values=True)
    values = [(name, value if name in HARMLESS or not value else MARK) for name, value in query]
    found += [value for name, value in query if value and name not in HARMLESS]
    found += [parts.fragment] if parts.fragment else []
    shown = (parts.scheme, f"{MARK}@{host}" if at else host, "/".join(path), urlencode(values, safe="*"), "")
    return urlunsplit(shown), found
