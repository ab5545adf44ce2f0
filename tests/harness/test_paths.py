"""Texts for other people name no folder of the machine that they were made on."""

import pytest

from harness.paths import last_part, without_folders

TEXTS = {
    "no file in /home/me/films, ~/me/ or 'https://a.b/c/d' at 1/2 s": "no file in films, me/ or 'https://a.b/c/d' at 1/2 s",
    "file:///home/me/a.mp4 and file://localhost/home/me/b.mp4": "a.mp4 and b.mp4",
    r"C:\Users\me\a.mp4, D:/films/b.mp4, \\server\films\c.mp4, \\?\C:\Users\d.mp4": "a.mp4, b.mp4, c.mp4, d.mp4",
    r'{"path": "C:\\Users\\me\\a.mp4", "to": "/home/me/b c/d.mp4"}': '{"path": "a.mp4", "to": "d.mp4"}',
    'File "/usr/lib/my python/x.py", line 3, in <module>': 'File "x.py", line 3, in <module>',
    "'/media/my (old) disk/a.mp4' is missing": "'a.mp4' is missing",
    """"/home/Jane's films/a.mp4" is missing""": '"a.mp4" is missing',
    "/Users/Jane Doe/my films/a.mp4: no such file": "a.mp4: no such file",
    "HF_HOME=/home/me/cache PATH=/usr/me/bin:/home/me/sbin": "HF_HOME=cache PATH=bin:sbin",
    "error:/home/me/a.bin </home/me/b.bin> [/home/me/c.bin] `/home/me/d e/f`": "error:a.bin <b.bin> [c.bin] `f`",
    "~me/films/a.mp4, //server/films/b.mp4, me@host:/home/me/c.mp4": "a.mp4, b.mp4, me@host:c.mp4",
}
SAME = ("<b>bold</b> and/or 16/9 <answer>1/2</answer>", "s3://a/b http://a:80/b/c", r"\frac{a}{b} c:\n", "Qwen/Qwen3-VL-2B")


@pytest.mark.parametrize("text", TEXTS)
def test_of_every_path_in_a_sentence_the_last_part_stays(text: str) -> None:
    assert without_folders(text) == TEXTS[text]


@pytest.mark.parametrize("text", SAME)
def test_what_is_no_path_stays(text: str) -> None:
    assert without_folders(text) == last_part(text) == text


@pytest.mark.parametrize(
    ("word", "left"),
    [
        (r"C:\Users\me\sft", "sft"),
        ("--include=D:/x/rewards", "--include=rewards"),
        ("replay:file:///a/b.jsonl", "replay:b.jsonl"),
        (r"\\server\share\sft", "sft"),
        ("/home/me/my films/more of them", "more of them"),
        ('x=/a/b,y={"to": "/a/c"}', 'x=b,y={"to": "c"}'),
        ("/home/me/model.py:Answering", "model.py:Answering"),
    ],
)
def test_of_every_path_in_a_word_of_a_command_the_last_part_stays(word: str, left: str) -> None:
    assert last_part(word) == left
