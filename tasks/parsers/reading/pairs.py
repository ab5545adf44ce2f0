"""Pairs of times: a grammar over the classes of `tokens`."""

import re
from itertools import islice, pairwise

from tasks.parsers.reading.context import COUNTED, REACH, verdict
from tasks.parsers.reading.times import AMBIGUOUS, BAD_NUMBER, OTHER_UNIT, listed, span
from tasks.parsers.reading.tokens import Tokens
from tasks.span import Span

MOST_SPANS = 1000
"""Moments in one reply; more answer nothing, and would take long."""

# One time: a clock, hours to seconds in words, or a number that may have a unit.
_TIME = r"(?:c[smh]?|(?:ih\.?,?&?)?im\.?,?&?[ifk]s|ih\.?,?&?imj?|ih\.?,?&?[ifk]s|i[hm]j|[ifk][smh]?)"
# From the name of a start or an end to its number.
_SAYS = r"(?:[^ifkcxyj\n.!SEmhFtd]{0,14}[a@:g~|(vsd]|:?\n)?"
_GAP = r"[^ifkcjxySFmhRN?][^ifkcjxyS]{0,60}(?:(?<=\n)i[.)])?"
_SEPARATOR = r"\.?a?(?:~|,?\n?&?[CD]{0,3}t{1,2}|d)\n?"
_BEFORE = r"[gas:~]{0,4}"

# `1 minute, 5 seconds` is one time.
_NOT_ONE = r"(?!(?<=m)\.?[,&][ifk]s|(?<=h)\.?[,&][ifk][ms])"

_FORMS = (
    # start: 12.5, end: 17.5
    rf"S{_SAYS}START(?:{_GAP})?E{_SAYS}END",
    # end: 17.5, start: 12.5
    rf"E{_SAYS}END[^ifkcjxyEFmhRN?][^ifkcjxyE]{{0,60}}S{_SAYS}START",
    # 12.5 s (start), 17.5 s (end)
    r"START[Wrp]?\(?S\)?W{0,2}[,&td\n.]{1,3}[gra]{0,3}END[Wrp]?\(?E\)?",
    # 12.5 s and it ends at 17.5 s
    rf"START\.?,?\n?[&raL@]{{0,6}}E{_SAYS}END",
    # between 12.5 and 17.5
    rf"b{_BEFORE}START\.?&{_BEFORE}END",
    rf"b{_BEFORE}\(START\)&{_BEFORE}\(END\)",
    # de 12.5 a 17.5
    rf"v{_BEFORE}START\.?A{_BEFORE}END",
    # 12.5 to 17.5, (12.5) to (17.5)
    rf"\(START\){_SEPARATOR}{_BEFORE}\(END\)",
    rf"START{_SEPARATOR}{_BEFORE}END",
    # (12.5, 17.5), and the same as a whole line or behind a colon, or as a row of a table
    rf"\(\n?START{_NOT_ONE}\n?[,&]\n?END\n?,?\n?\)",
    rf"(?<![^\n:@])START{_NOT_ONE}[,&]END(?!\.?[^\n)])",
    r"(?<![^\n])\|?(?:[^ifkcjxy\n.!SE|]{1,30}\|)?START\|END\|?(?![^\n])",
)
"""In the order in which they are tried at one place."""

_ENDS_ONLY, _NAKED = 3, (8, 10)
_INHERITS = range(4, 9)
"""Forms in which the unit of the end also holds for a bare start."""

_PAIR = re.compile(
    r"(?:(?=[SEbv(ifkc])|(?<![^\n]))(?:"
    + "|".join(
        form.replace("START", f"(?P<s{number}>{_TIME})").replace("END", f"(?P<e{number}>{_TIME})")
        for number, form in enumerate(_FORMS)
    )
    + r"|\((?P<list>k)\)|(?<![^\n:@])(?P<line>k)(?!\.?[^\n]))"
)
_STARTS_OR_NUMBER, _PLAINLY_TIME = re.compile("[ifkcjxyS]"), re.compile("[fksmhc]")
# Between two pairs: a list of moments, a correction, another answer instead.
_LIST, _NEAR = re.compile(r"[,&.!\n():|Li]*"), re.compile(r"[,&.!\n():|Lirv]*")
_CORRECTED = re.compile(r"[,.!]?o|.*[ZX]", re.DOTALL)
# Beside pairs that are read, what looks like one that is not: two numbers with a sign between, in brackets, or named.
_BESIDE = re.compile(
    r"[ifkcxy][smh]?[^ifkcxyP\n.,()FL]{0,2}[dt~][^ifkcxyP\nFL]{0,2}[ifkcxy]"
    r"|\([ifkcxy][^()P\n]{0,2}[,&][^()P]{0,2}[ifkcxy]|\([^()P\n]{0,6}[xy][^()P\n]{0,6},[^()P\n]{0,4}[ifkcxy]"
    r"|[SE]a?:\(?[ifkcxy]"
)
# Numbers that no form fits.
_UNREAD = (
    (re.compile(r"[xy][smh]?[~dt,]|[~dt][~ga]*[xy]"), BAD_NUMBER),
    (re.compile(r"[ifkcj]F|F[:@a(]{0,2}[ifkc]"), OTHER_UNIT),
    (re.compile(r"[ifkc][smh]?[,&|~dt]{1,2}[~ga]*[ifkc]|k|i[mh]\.?,?[ifk]"), AMBIGUOUS),
)


def read(words: Tokens) -> tuple[Span, ...] | str:
    """All spans in the order of the reply, as written, or the name of the reason why there are none."""
    classes, texts = words
    matches = list(islice(_PAIR.finditer(classes), MOST_SPANS + 1))
    if len(matches) > MOST_SPANS:
        return "too-long"
    found: list[Span | str] = []
    for number, match in enumerate(matches):
        before = matches[number - 1].end() if number else 0
        following = matches[number + 1].start() if number + 1 < len(matches) else None
        found.append(_one(match, classes, texts, before, following))
        if found[-1] in (AMBIGUOUS, BAD_NUMBER):
            return str(found[-1])
    spans = tuple(one for one in found if not isinstance(one, str))
    if not spans:
        return OTHER_UNIT if found else next((name for pattern, name in _UNREAD if pattern.search(classes)), "no-span")
    return spans if _agree(matches, found, classes) and not _BESIDE.search(_rest(matches, classes)) else AMBIGUOUS


def _rest(matches: list[re.Match[str]], classes: str) -> str:
    """What no pair covers, a `P` in the place of each pair."""
    begins, ends = [match.start() for match in matches], [match.end() for match in matches]
    return "P".join(classes[end:begin] for end, begin in zip([0, *ends], [*begins, len(classes)], strict=True))


def _one(match: re.Match[str], classes: str, texts: list[str], before: int, following: int | None) -> Span | str:
    form, begin, end = str(match.lastgroup), match.start(), match.end()
    left, right = classes[max(before, begin - REACH) : begin], classes[end : end + REACH]
    if form in ("list", "line"):
        at = match.start(form)
        return verdict(left, right, "k", (True, True), False, False) or listed(texts[at], form == "list")
    number = int(form[1:])
    (s, s_end), (e, e_end) = match.span(f"s{number}"), match.span(f"e{number}")
    start, last = (classes[s:s_end], texts[s:s_end]), (classes[e:e_end], texts[e:e_end])
    bare = (start[0] in "ifk", last[0] in "ifk")
    follows = following is not None and bool(_LIST.fullmatch(classes[end:following]))
    if number == _ENDS_ONLY and _STARTS_OR_NUMBER.search(left):
        return AMBIGUOUS
    return verdict(left, right, match[0], bare, number <= _ENDS_ONLY, follows) or span(start, last, number in _INHERITS)


def _is_naked(match: re.Match[str], classes: str) -> bool:
    """Whether nothing but a dash or the like says that two integers are times."""
    form = str(match.lastgroup)
    if form in ("list", "line") or int(form[1:]) not in _NAKED or _PLAINLY_TIME.search(match[0]):
        return False
    return match.start() > 0 and classes[match.start() - 1] not in "\n:(|v"


def _agree(matches: list[re.Match[str]], found: list[Span | str], classes: str) -> bool:
    """Whether all pairs answer: none corrects another, none in a list is no time, none is a mere range beside plain times."""
    if len(matches) == 1:
        return True
    gaps = [classes[one.end() : other.start()] for one, other in pairwise(matches)]
    listed = [bool(_LIST.fullmatch(gap)) for gap in gaps]
    for one, other, in_list in zip(found, found[1:], listed, strict=False):
        if in_list and (one == COUNTED) != (other == COUNTED):
            return False
    if any(_CORRECTED.match(gap) for one, gap in zip(found, gaps, strict=False) if not isinstance(one, str)):
        return False
    kept = [not isinstance(one, str) for one in found]
    naked = [keep and _is_naked(match, classes) for match, keep in zip(matches, kept, strict=True)]
    if naked == kept or not any(naked):
        return True
    near = [gap != "(" and bool(_NEAR.fullmatch(gap)) for gap in gaps]
    return all(before or behind for alone, before, behind in zip(naked, [False, *near], [*near, False], strict=True) if alone)
