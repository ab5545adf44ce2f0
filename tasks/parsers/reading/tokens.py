"""Tokens of a reply: numbers, words and signs, each with a class of one character.

Numbers: `i` integer, `f` with a decimal point, `c` clock (`1:05`, `1:02:03.5`), `k` two of these with a comma between and no
blank (a decimal comma, or a list), `j` two digits behind an `h` or `m` (`1m05`), `y` glued to letters (`video_12`), `x` none of
these (`1.2.3`, `1:75`, `-5`). Signs: `d` dash, `,` `.` `!` `:` `(` `)` `|`, the line break, `?` for any that says nothing.
Words: see `vocabulary`. A number is never a part of a longer one, nor of a word.
"""

import re
from typing import NamedTuple

from tasks.parsers.reading.vocabulary import CLASSES, class_of

_HAN = "\u3005-\u30ff\u3400-\u9fff\uac00-\ud7af"
_HAN_WORDS = sorted((word for word in CLASSES if re.fullmatch(f"[{_HAN}]+", word)), key=len, reverse=True)
_WORD = rf"[^\W\d{_HAN}]++(?:'[^\W\d{_HAN}]++)*+"
_TOKEN = re.compile(
    r" ?(?:"
    r"(?P<number>\d++(?:\.\d++)?(?:-\d++(?:\.\d++)?){2,}+|\d++(?:[.,:/]\d++)*+)"
    r"|(?P<join>-(?:to|until|till)-)"
    r"|(?P<hash>#(?=\d))"
    r"|(?P<sign>-++|—++|[^\w\s]|\n)"
    rf"|(?P<glued>(?<=\d){_WORD}|{_WORD}(?=\d))"
    rf"|(?P<word>{_WORD})"
    rf"|(?P<han>{'|'.join(_HAN_WORDS)}|\S)"
    r")"
)
_PLAIN = r"\d{1,7}(?:\.\d{1,20})?"
_CLOCK = r"(?:\d{1,3}:[0-5]\d|\d{1,5}):[0-5]\d(?:\.\d{1,20})?"
_FORM = re.compile(
    rf"(?P<f>\d{{1,7}}\.\d{{1,20}})|(?P<c>{_CLOCK}|(?:\d{{1,3}}:)?\d\d:[0-5]\d,\d{{3}})"
    rf"|(?P<k>(?:{_PLAIN}|{_CLOCK}),(?:{_PLAIN}|{_CLOCK}))"
)
_SIGNS = {sign: sign for sign in ",.:()|\n!—~"} | {";": ",", "?": "!", "…": ".", "=": ":", "-": "d"}
_SIGNS |= {sign: CLASSES[sign] for sign in "&≈→%‰"}

_UNIT_HYPHEN = "_"
# A number that touches more than a bracket, a comma or its unit.
_TOUCHES = re.compile(r"(?<=[^ (\n:])[ifkcj]|[ifkcj](?=[^ ,\n).:!smh])|—")
# Signs inside a number that has no blank: "17.€5", "12!5".
_BREAK = r"(?:[.!|:,?LWNFy]{2,3}|[.!|:?LWNFy])"
_GLUE = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"j(?=[sm])", "i"),
        # Letters, or a sign that says nothing, at either side.
        (r"(?<=[ysN])[ifkcj]|[ifkcj](?=[yN])", "y"),
        (r"(?<=[?.F])[ifkcj]|[ifkcj](?=\?)", "x"),
        (rf"([ifkcjxysmh]{_BREAK})[ifkcj]", r"\1x"),
        (rf"[ifkcj](?={_BREAK}[xy])", "x"),
        # What stands between digits without a blank, and joins nothing: "1字2".
        (r"([ifkcxy][WraLNFpSE@ogDRXZMO]{1,3}+)[ifkc]", r"\1y"),
        # A dash before a number is a minus, or part of a name, unless a time stands before it.
        (r"(?<=[a-zA-Z])(?<![ifkcjxysmh])d[ifkc]", "dy"),
        (r"(?<![ifkcjxysmh])(?<![ifkcjxysmh] )d[ifkc]", "dx"),
        (r"(?<=[ifkc])d(?=[smh])", _UNIT_HYPHEN),
        (r"[ifkc](?=d[wWrLNOy])", "y"),
        ("—", "d"),
    )
)


class Tokens(NamedTuple):
    """A reply in tokens.

    Attributes:
        classes: One character a token.
        texts: The tokens as written, in plain characters.
    """

    classes: str
    texts: list[str]


def tokens(text: str) -> Tokens:
    """Split a text of `characters.plain` into tokens."""
    found, texts, name = [], [], ""
    for match in _TOKEN.finditer(text):
        kind, token = match.lastgroup, match[0]
        if apart := token[0] == " ":
            token = token[1:]
        if kind == "number":
            name = "j" if name in ("m", "h") and len(token) == 2 and not apart else _form(token)
        elif kind == "sign":
            name = _SIGNS.get(token[0], "?")
        elif kind == "word":
            name = class_of(token)
        elif kind == "glued":
            name = class_of(token)
            name = name if name in "smhF" or (name in "t&vbg" and len(token) > 1) else "y"
        elif kind == "han":
            name = CLASSES.get(token, "W")
        else:
            name = "t" if kind == "join" else "L"
        found.append(" " + name if apart else name)
        texts.append(token)
    classes = "".join(found)
    if _TOUCHES.search(classes):
        for pattern, replacement in _GLUE:
            classes = pattern.sub(replacement, classes)
    classes = classes.replace(" ", "")
    if _UNIT_HYPHEN in classes:
        texts = [token for token, name in zip(texts, classes, strict=True) if name != _UNIT_HYPHEN]
    return Tokens(classes.replace(_UNIT_HYPHEN, ""), texts)


def _form(number: str) -> str:
    if len(number) <= 7 and number.isdecimal():
        return "i"
    match = _FORM.fullmatch(number)
    return str(match.lastgroup) if match else "x"
