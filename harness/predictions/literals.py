"""Values as Python prints them: single quotes, True and None, nan and inf, tuples."""

import ast
import json
import re
from typing import Any

_QUOTED = (r"'(?:[^'\\\x00-\x1f]++|\\[^\n])*+", r"\"(?:[^\"\\\x00-\x1f]++|\\[^\n])*+")
_TEXT = rf"(?P<text>{_QUOTED[0]}'|{_QUOTED[1]}\")"
_TOKEN = re.compile(rf"{_TEXT}|-?[A-Za-z_][\w.]*+|(?P<key>-?\d++)(?=\s*:)|(?P<last>,\s*+[)\]])|\d++|\s++|.", re.DOTALL)
_CUT = re.compile(rf"(?:{'|'.join(_QUOTED)})\\?\Z")
_AS_JSON = {"True": "true", "False": "false", "None": "null", "nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_AS_JSON |= {"(": "[", ")": "]"}
DEEPEST = 100
LONGEST = 1 << 20
"""Characters of a value as Python prints it, at most: reading them takes ten times as long as JSON."""


def decode(text: str, start: int, decoder: json.JSONDecoder) -> tuple[Any, int]:
    """The value that begins at this place, and where it ends: each of its tokens is written as JSON, which is then read.

    Raises:
        json.JSONDecodeError: It is no such value; its `pos` is the end of the text where that cuts it off.
        ValueError: The decoder refuses it, or it is nested too deeply.
    """
    pieces, depth = [], 0
    for token in _TOKEN.finditer(text, start):
        piece = token[0]
        if token["text"]:
            pieces.append(_text(piece, text, token.start()))
        elif token["key"]:
            pieces.append(f'"{piece}"')
        elif token["last"]:
            pieces.append("]")
        elif piece in ("'", '"'):
            if _CUT.match(text, token.start()):
                break
            raise json.JSONDecodeError("Unterminated string", text, token.start())
        else:
            pieces.append(_AS_JSON.get(piece, piece))
        depth += (piece in ("[", "{", "(")) - (piece in ("]", "}", ")") or token["last"] is not None)
        if depth > DEEPEST:
            raise ValueError(f"nested deeper than {DEEPEST}")
        if depth == 0:
            try:
                return decoder.decode("".join(pieces)), token.end()
            except json.JSONDecodeError as error:
                raise json.JSONDecodeError(error.msg, text, start) from error
    if len(text) - start > LONGEST:
        raise ValueError(f"a row longer than {LONGEST:,} characters, as Python prints it")
    raise json.JSONDecodeError("Unterminated value", text, len(text))


def _text(token: str, text: str, start: int) -> str:
    if "\\" not in token:
        return json.dumps(token[1:-1])
    try:
        return json.dumps(ast.literal_eval(token))
    except (SyntaxError, ValueError) as error:
        raise json.JSONDecodeError("Invalid escape", text, start) from error
