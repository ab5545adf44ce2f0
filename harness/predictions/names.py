"""The names of keys in prediction files, one list for every reader; `plain_key` makes the names of a file comparable with it."""

import re
from functools import lru_cache
from typing import Any


@lru_cache(4096)
def plain_key(key: str) -> str:
    """A key without case, blanks, `_` and `-`."""
    return re.sub(r"[\s_-]", "", key).casefold()


SALIENCY = "pred_saliency_scores"
KEY = "_key"
"""Where a row has the key it stood under."""

OPTION = frozenset({"option", "choice", "predoption", "predictedoption", "predchoice", "selectedoption", "optionpred"})
"""Keys of the chosen option of a question that has options, plain."""

IDS = ("id", "qid", "questionid", "customid", "sampleid", "uid")
VIDEO = ("video", "vid", "videoid", "videoname", "videopath", "videofile", "videos")
QUERY = ("query", "sentence", "caption", "question", "desc", "description")
TARGET = ("target", "targets", "gt", "groundtruth", "solution", "timestamp", "timestamps", "span", "spans")
"""Of a query that a split asks twice on a video, these tell which one a row answers."""

TEXTS = (
    *("text", "output_text", "answers", "filtered_resps", "resps", "response", "responses", "pred_text", "prediction"),
    *("predictions", "predict", "predicted", "predicted_answer", "pred_answer", "model_answer", "model_output"),
    *("model_response", "model_prediction", "generated_text", "generation", "generated", "completion", "reply", "raw_output"),
    *("raw_response", "raw_prediction", "output_texts", "hypothesis", "llm_output", "llm_response", "choices"),
)
MOMENTS = (
    *("pred_relevant_windows", "pred", "preds", "pred_spans", "pred_span", "pred_timestamps", "pred_timestamp", "pred_windows"),
    *("pred_window", "pred_moments", "pred_segments", "predicted_spans", "predicted_span", "predicted_timestamps"),
    *("predicted_timestamp", "predicted_windows", "predicted_moments", "predicted_segments"),
    *("pred_start", "pred_start_time", "pred_start_s", "predicted_start", "start_pred"),
)
OFTEN_TRUE_TEXTS = ("answer", "output", "outputs", "result", "results")
OFTEN_TRUE_MOMENTS = (
    *("timestamps", "timestamp", "spans", "span", "windows", "window", "moments", "moment", "segments", "segment"),
    *("start", "start_time", "start_s", "start_sec", "start_seconds", "t_start", "begin", "begin_time"),
)
"""Names that files give to replies and to the truth alike: they are the reply only where no key can be nothing else."""

SURE, OFTEN_TRUE = (
    {plain_key(name): rank for rank, name in enumerate(names)}
    for names in ((*TEXTS, *MOMENTS), (*OFTEN_TRUE_TEXTS, *OFTEN_TRUE_MOMENTS))
)
"""Ranks of the keys of a reply, plain: those that can be nothing else, and the others."""
OF_MOMENTS = frozenset(map(plain_key, (*MOMENTS, *OFTEN_TRUE_MOMENTS)))

OF_A_SAMPLE = frozenset(map(plain_key, (*IDS, *VIDEO, *QUERY, "query_id", "doc_id", "doc", "path")))
"""Keys that say which sample an object answers, plain: one with any of them is a row."""

OF_A_FILE = frozenset({"videos", "description", "doc"})
"""Those of them that stand around rows as well: under or beside them there may be many."""

OF_A_REPLY = frozenset({*SURE, *OFTEN_TRUE, plain_key(SALIENCY)})
"""Keys that hold a reply, plain."""

ENVELOPES = frozenset({"results", "predictions", "data", "logs", "outputs", "samples", "rows", "records", "items", "preds"})
"""Keys under which files with more to tell keep their rows, plain."""


def names_sample(row: dict[str, Any]) -> bool:
    """Whether a row has a key that may say which sample it answers."""
    return any(plain_key(key) in OF_A_SAMPLE for key in row)
