"""A page: one HTML file that needs nothing else, and in which nothing of what it shows can act."""

import base64
import gzip
import json
import re
from collections.abc import Mapping
from typing import Any

from leaderboards import web

LIMIT = 4_900_000
"""Bytes of a page; replies are shortened until it fits."""
CUTS = (20_000, 5_000, 2_000, 1_000, 500, 250, 120, 60, 0)
"""Characters that are kept of a reply, in the order in which they are tried."""
PACKED = 5
"""How many times smaller replies become at most; a cut that leaves more than this of the limit is not tried."""
LEVEL = 5
"""Of gzip: the next one takes twice the time and saves 7 %."""
STYLES = ("page.css",)
RUN_SCRIPTS = (
    *(
        "dom.js",
        "table.js",
        "charts.js",
        "timeline.js",
        "kinds.js",
        "rows.js",
        "frames.js",
        "prompt.js",
        "detail.js",
        "summary.js",
        "run.js",
    ),
)
INDEX_SCRIPTS = ("dom.js", "table.js", "index.js")
PLACE = re.compile(r"\{\{(\w+)\}\}")

Cut = str | tuple[str, int, str]


def run_page(data: Mapping[str, Any]) -> str:
    """The page of `data.page_data`, with replies as long as `LIMIT` allows, at most the first of `CUTS`."""
    texts = (text for run in data["answers"] for answers in run.values() for text in answers["text"])
    lengths = [len(text) for text in texts if text is not None]
    page = ""
    for longest in CUTS:
        if longest and sum(min(length, longest) for length in lengths) > PACKED * LIMIT:
            continue
        page = render(_shortened(data, longest), RUN_SCRIPTS)
        if len(page) <= LIMIT:
            break
    return page


def index_page(data: Mapping[str, Any]) -> str:
    """The page of `index.index_data`."""
    return render(data, INDEX_SCRIPTS)


def render(data: Mapping[str, Any], scripts: tuple[str, ...]) -> str:
    """Put styles, scripts and data into the template; ASCII only.

    Data stand in the page as compressed JSON in base64, whose letters cannot end the element or begin another. Scripts and
    styles run by their hash alone, and the page can load nothing but media.
    """
    style, script = (web.files(__package__, names) for names in (STYLES, scripts))
    parts = {"policy": web.policy(script, style, "'self' file:"), "style": style, "script": script, "data": packed(data)}
    return PLACE.sub(lambda place: parts[place[1]], web.files(__package__, ("page.html",)))


def packed(data: Mapping[str, Any]) -> str:
    """JSON, gzip, base64: the same bytes for the same data."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode("ascii"), LEVEL, mtime=0)).decode("ascii")


def unpacked(page: str) -> Any:
    """The data that a page holds."""
    found = re.search(r'<script type="application/gzip" id="data">([^<]*)</script>', page)
    if found is None:
        raise ValueError("no data in this page")
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


def cut(text: str | None, longest: int) -> Cut | None:
    """A reply, or of a longer one its beginning, the number of characters left out, and its end, where answers stand."""
    if text is None or len(text) <= longest:
        return text
    return text[: longest // 2], len(text) - longest, text[len(text) - (longest + 1) // 2 :]


def _shortened(data: Mapping[str, Any], longest: int) -> dict[str, Any]:
    answers = [
        {mode: {**given, "text": [cut(text, longest) for text in given["text"]]} for mode, given in run.items()}
        for run in data["answers"]
    ]
    return {**data, "longest": longest, "answers": answers}
