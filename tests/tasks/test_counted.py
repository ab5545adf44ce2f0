"""Numbers of things in messages."""

from tasks.words import counted


def test_one_thing_is_not_several() -> None:
    assert [counted(n, "video", "is", "are") for n in (0, 1, 2000)] == ["0 videos are", "1 video is", "2,000 videos are"]
    assert [counted(n, "query") for n in (1, 2)] == ["1 query", "2 queries"]
