"""Replies that no reward function should stumble over: empty, reversed, NaN, huge, repeated, truncated, of foreign form."""

import random

FRAMES = ("{}", "<answer>{}</answer>", "<think>t</think><answer>{}</answer>", "<answer>{}", "<answer>B</answer><glue>{}</glue>")
LINES = """\

12.5 to 17.5
17.5 to 12.5
5 to 5
0 to 0
12.5 to
to
12.5
nan to nan
inf to inf
-5 to 10
1e400 to 1e999
0 to 1e300
5..7 to 9
1_0 to 2_0
00:12 - 00:17
12,5 to 17,5
10% to 20%
12.5-17.5
12.5-17.5 30-40
nan-inf
0-inf
[(12.5, 17.5)]
[]
[(1, 2), (3, 4), (5, 6), (7, 8)]
[(9, 3)]
2.0 to 5.0, 10.0 to 14.5
٣ to ٩
秒
<answer>
</answer>
{"start_time": "12.5", "end_time": "17.5"}
{"start_time": NaN, "end_time": 1e999}
{"start_time": [], "end_time": {}}
the 4.0, 6.0 seconds. Their scores are 3.0, 1e9
the 4 seconds. Their scores are 3, 3
second score nan
B
A, B
12.50: 3.0, 1e400: nan
5, 7, nan seconds with 3
""".splitlines()
REPEATED = (" ", "\n", "\x00", "0 to " + "9" * 400, "1 to 2" * 50, "[" * 5_000, "{" * 5_000, "İ" * 9)
TAGS = ("<think>", "</think>", "<answer>", "</answer>", "<ANSWER>", "<glue>", "</glue>")
TOKENS = (*LINES[1:25], *TAGS, " to ", "-", " and ", "seconds", "scores are")
UNITS = (
    *TAGS,
    "1 ",
    "1 to ",
    "1-2 ",
    " ",
    "\n",
    "(1,2),",
    "1.",
    "<think></think>",
    "<answer> 1 to 2 </answer>",
    "1 to 2, ",
    "1: 1, ",
    "B ",
)


def replies(seed: int = 0) -> list[str]:
    """Each line in every frame, and a hundred seeded mixtures."""
    draw = random.Random(seed)
    mixed = ["".join(draw.choices(TOKENS, k=draw.randint(1, 12))) for _ in range(100)]
    return [*(frame.replace("{}", inside) for inside in (*LINES, *REPEATED) for frame in FRAMES), *mixed]


def long_replies(length: int) -> list[str]:
    """Replies of about so many characters, made of one unit over and over, in every frame."""
    return [frame.replace("{}", unit * (length // len(unit))) for unit in UNITS for frame in FRAMES]
