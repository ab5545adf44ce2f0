"""What only looks: typography, Markdown, LaTeX, HTML and emphasis become plain characters, one meaning each."""

import html
import re

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
# Marks without width and directions of writing, bullets. A soft hyphen and overrides stay unknown: they change what is seen.
_UNSEEN = "\u200b\u200c\u200d\u200e\u200f\u2060\u2066\u2067\u2068\u2069\u202a\u202b\u202c\ufeff\ufe0e\ufe0f«»•‣◦▪●■▶►"
_SAME = {
    # Chinese and Arabic commas never stand inside a number, nor does an ideographic full stop.
    ";": "，、،؛；",
    "!": "。！｡",
    ".": "٫．",
    "-": "‐‑‒–−﹣－",
    "—": "―﹘⸺",
    "~": "〜∼～˜",
    "→": "⇒⟶➡➔➜⟹⮕↦",
    "'": "‘’‚′ʼ",
    '"': "“”„‟″「」『』〝〞",
    "(": "【〔〈《⟨",
    ")": "】〕〉》⟩",
    " ": "\t\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000" + _UNSEEN,
    "\n": "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029",
}
_PLAIN = _FULL_WIDTH | {ord(other): one for one, others in _SAME.items() for other in others}
_PICTURE = "\u2300-\u23ff\u2600-\u2775\u2795-\u27bf\u2b00-\u2bff\U0001f300-\U0001faff"
_PICTURES = re.compile(f"[{_PICTURE}]")
# `1️⃣` and `①` number a list.
_LIST_NUMBER = re.compile("\\d[\ufe0e\ufe0f]?\u20e3|(?<!\\d)[\u2460-\u2473\u2776-\u277f]")

_OTHER_DIGIT = re.compile(r"(?![0-9])\d")

_LATEX = (
    (re.compile(r"\\(?:long|Long)?(?:rightarrow|Rightarrow|to)(?![A-Za-z])"), "→"),
    (re.compile(r"\\(?:text|math)(?:rm|bf|it|tt|sf)?\{([^{}]{0,40})\}"), r" \1 "),
    (re.compile(r"\\boxed(?=\{)|\\[()\[\],;:! ]|\\q?quad(?![A-Za-z])|\\(?=[\"%_])"), " "),
    (re.compile(r"\$\$?(?=[^\s$])([^$\n]{1,80})(?<=[^\s$])\$\$?(?!\d)"), r" \1 "),
)
_ARROW = re.compile(r"[-=~]{1,4}+>")
_TAG = re.compile(r"<([/|]?)([A-Za-z][A-Za-z_ -]{0,30}+)[/|]?>")
_LABEL = re.compile(r"start|begin|end|frame|percent|min|ms", re.IGNORECASE)
_ANGLES = re.compile(r"<([^<>\n]{1,80}+)>")
_QUOTED = re.compile(r"(?<![\w'])'([^'\n]{1,80}+)'(?!\w)")
_PRIMES = re.compile(r"(?<![\d.,:'])(\d{1,3})['’′](\d{1,2}(?:\.\d{1,20})?)(?:[\"”″]|''|′′)")
_EMPHASIS = re.compile(r"(?<![\d*])\*++|\*++(?!\d)|(?<!\w)_++|_++(?![^\W_])")
_BULLET = re.compile(r"(?m)^ {0,20}+(?:(?:>|#{1,6}+|[-+*]) {1,20}+){1,4}+")
_LINE_STARTS = tuple(">#-+* ")
_BRACKETS = str.maketrans('[]{}"`', "()()  ")


# What would leave a blank inside a number: "12.*5".
_FAR_PROSE = re.compile(r"(?<!\D)\D{2000,}+")
_ERASED = "\"'*_`"
_INSIDE = re.compile(
    rf"(?:(?<=\d)|(?<=\d[.:．：，]))[{_ERASED}{_UNSEEN}{_SAME[chr(34)]}{_SAME[chr(39)]}{_PICTURE}\u2460-\u277f\u20e3]{{1,4}}+(?=[.,:．：，]?\d)"
)
_BROKEN = "\x00"


def near_numbers(text: str) -> str:
    """The text without the middle of long stretches that hold no digit: words so far from numbers decide nothing."""
    return _FAR_PROSE.sub(lambda match: match[0][:1000] + "\n" + match[0][-1000:], text)


def plain(text: str) -> str:
    """The text with one character for each meaning; a digit never meets a digit that stood apart from it.

    Brackets become round, dashes `-`, arrows `→`, quotation marks and emphasis blanks, tags their name and a colon; what
    numbers a list in one character becomes `#0:`.
    """
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii() or any(map(text.__contains__, _ERASED)):
        text = _INSIDE.sub(_BROKEN, _PRIMES.sub(r"\1m\2s", text))
    if not text.isascii():
        text = _PICTURES.sub(" ", _LIST_NUMBER.sub(" #0: ", text).translate(_PLAIN))
        text = _OTHER_DIGIT.sub(lambda match: str(int(match[0])), text)
    if "\\" in text or "$" in text:
        for pattern, replacement in _LATEX:
            text = pattern.sub(replacement, text)
    if ">" in text:
        text = _ARROW.sub("→", text)
    if "<" in text:
        text = _ANGLES.sub(r" (\1) ", _TAG.sub(_tag, text))
    if "'" in text:
        text = _QUOTED.sub(r" \1 ", text)
    if "\n" in text or text[:1] in _LINE_STARTS:
        text = _BULLET.sub("", text)
    if "*" in text or "_" in text:
        text = _EMPHASIS.sub(" ", text)
    return text.translate(_BRACKETS)


def _tag(match: re.Match[str]) -> str:
    """What a tag says of the number in it: `<start>` does, `<b>` does not."""
    return f" {match[2]}: " if not match[1] and _LABEL.match(match[2]) else " "
