"""What stands left and right of a pair of numbers: whether they are times, count something else, or may be read in two ways."""

import re

from tasks.parsers.reading.times import AMBIGUOUS, OTHER_UNIT

COUNTED = "counted"
"""Verdict on `2-3 people` and `steps 1-2`: bare integers beside a word that is not known."""

REACH = 24
"""Tokens looked at on each side."""

# A number beside the pair that nothing explains: a third time, a part of a number, a chain.
_NUMBER_BEFORE = re.compile(
    r"[ifkcjxy][smh]?a?[,&~gOodt]{0,3}$|[ifkcjx][\n(]$|(?<!L)[ifkcj][wW?]$"
    r"|[ifkcjx][smh]?[wW?]{1,3}[,&]{1,2}$|[ifkcj][^ifkcjxy.,\n!():]{1,4}&$"
)
_NUMBERED = re.compile(r"(?:L:?i[,\n(]|y,)$")
_CAPTION_NUMBER = re.compile(r"(?:^|\n)i\n$")
_NUMBER_BEHIND = re.compile(
    r"[ifkcjxy?]|[,&o]{1,2}[~ga]{0,2}[ifkcjx](?![wWFLr:(])|[dt~][~gas(]{0,3}[ifkcjxy]|\n[ifkcjx](?:$|\n)|&[aA]?N"
)
_NEXT_NUMBER = re.compile(r"\n?i[.):]|\ni\nc")

# Words that change the number behind them: minus 5, twenty 5, not from 5, 2 minutes and 5.
_CHANGED_BEFORE = re.compile(r"(?:[NQ]g?|Nt|\?[d~]?|X[va~gb]{0,2}|[mh][,&]?[~ga]?)$")
# `5 seconds to 1 minute 20 seconds` behind a number whose unit was not understood.
_SECONDS_TO_MINUTES, _NUMBER_IN_REACH = re.compile(r"[ifk]s.*[mh]"), re.compile(r"[ifkcj][^ifkcjxy.\n()]{1,5}$")
_UNIT_BEHIND = re.compile(r"[).(,:!|dr&]{0,2}[mh]")

_LENGTH_BEFORE, _LENGTH_BEHIND = re.compile(r"D[g~]?$"), re.compile(r"p?R")
# Frames 1-4, (minutes) 1-2, "unit": "minutes".
_OTHER_BEFORE = re.compile(r"F[:@a(|O]{0,2}$|\([mhF]\)|p[mhF]|[mhF]:|:[mhF][,)]")
_OTHER_BEHIND = re.compile(r"a?[)(,:d]{0,2}p?F(?!:)|.{0,2}p[mh]|[^ifkcjxy]{0,12}:[mhF]")
_HOURS_AND_MINUTES = re.compile(r"F:F(?!:)")
_COUNTED_BEFORE, _COUNTED_BEHIND = re.compile(r"(?:F[wr:@av(]{0,3}|L)$"), re.compile(r"[wWLNQ]")
_CLAUSE_ENDS = re.compile(r"[\n.!]")
_FRACTION = re.compile("[fk]")
_LED = re.compile(r"[vb][~ga]{0,3}$")


def verdict(left: str, right: str, pair: str, bare: tuple[bool, bool], named: bool, follows: bool) -> str | None:
    """None if a pair may be read; `ambiguous-time` if not; `other-unit` or `counted` if its numbers are no times.

    Args:
        left: Classes before it, from the pair before it.
        right: Classes behind it.
        pair: Its own classes.
        bare: Whether its start and its end have neither unit nor colon.
        named: Whether words like `start` and `end` say which number is which.
        follows: Whether the next pair stands so close behind that its number is not a third one of this pair.
    """
    if "c" in pair and (_HOURS_AND_MINUTES.search(left) or _HOURS_AND_MINUTES.search(right)):
        return AMBIGUOUS
    if right:
        if _LENGTH_BEHIND.match(right) or (bare[1] and _OTHER_BEHIND.match(right)):
            return OTHER_UNIT
        if all(bare) and pair[-1] not in ")|" and _COUNTED_BEHIND.match(right):
            return COUNTED if right[0] in "wWL" and not _FRACTION.search(pair) and not _LED.search(left) else AMBIGUOUS
        if all(bare) and _UNIT_BEHIND.match(right):
            return AMBIGUOUS
    if left:
        near, clause = left[-6:], _CLAUSE_ENDS.split(left)[-1]
        if (all(bare) and _OTHER_BEFORE.search(clause)) or (not named and _LENGTH_BEFORE.search(near)):
            return OTHER_UNIT
    if left and not named:
        if all(bare) and not _FRACTION.search(pair) and _COUNTED_BEFORE.search(clause):
            return OTHER_UNIT if "F" in clause[-4:] else COUNTED
        if _CHANGED_BEFORE.search(near) or (_NUMBER_BEFORE.search(near) and not _numbered(left, pair)):
            return AMBIGUOUS
        if _SECONDS_TO_MINUTES.match(pair) and _NUMBER_IN_REACH.search(near):
            return AMBIGUOUS
    return AMBIGUOUS if right and not follows and _NUMBER_BEHIND.match(right) and not _NEXT_NUMBER.match(right) else None


def _numbered(left: str, pair: str) -> bool:
    return bool(_NUMBERED.search(left) or ("c" in pair and _CAPTION_NUMBER.search(left)))
