"""Words of messages."""


def counted(number: int, noun: str, *verbs: str) -> str:
    """A number of things, with the verb for one and for several where these are given: `1 video is`, `2,000 queries`."""
    if number == 1:
        return " ".join([f"1 {noun}", *verbs[:1]])
    return " ".join([f"{number:,} {noun[:-1]}ies" if noun.endswith("y") else f"{number:,} {noun}s", *verbs[1:]])
