"""What the terms of a board mean, in a sentence each: what a page says where one points at them."""

import re

TERMS = {
    "model": "What answered: a model, a paper's row, a blind baseline, or an upper bound (oracle).",
    "rank": "Between which places the row may stand: pairs of runs are told apart query by query at 95 %, videos drawn whole.",
    "95 %": "Interval of the score if other videos of this kind had been drawn. Queries of one video are not independent.",
    "mode": "How it was asked: direct for the answer at once, cot for a thought before it.",
    "seeds": "Trainings with different seeds, whose mean and standard deviation the row shows.",
    "n": "Questions in the denominator: every one of the split, answered or not.",
    "coverage": "Questions that got a reply at all. The others count as 0.",
    "parse rate": "Replies in which the protocol's parser found an answer. The others count as 0.",
    "query gap": "How much better answers fit their own query than others of the same video. 0 means the query was not read.",
    "train s": "Seconds that the training took.",
    "protocol": "Prompt, frames, parser and thresholds. Numbers under different protocols may not be compared.",
    "trained on": "The split that the model was trained on, where it is known.",
    "commit": "Version of the harness that made the run.",
    "source": "The folder of the run, or the table of the paper.",
    "notes": "What limits the number: a clock without seconds, replies that were cut off, sessions that differ.",
    "not comparable": "Why the row is in no ranking with the others.",
    "mIoU": "Mean overlap of the answer with the true moment: intersection over union, in percent.",
    "set-mIoU": "Mean overlap of all predicted with all true moments of a query, overlapping ones merged.",
    "Acc": "Questions answered with the right option, in percent.",
    "Acc@GQA": "Questions with the right option whose first moment lies at least half inside a true one, in percent.",
    "mIoP": "Mean share of the first moment that lies inside a true one, in percent.",
    "mF1": "F1 of the predicted instances, mean over thresholds of overlap.",
    "mF1 one-to-one": "mF1 in which every predicted and every true instance has one partner at most.",
    "mF1 several": "mF1 of the questions with more than one true instance.",
    "video-mIoU": "Mean over videos, each with the mean IoU of its events. mIoU is the mean over all events.",
    "Hit": "Questions whose answer has its middle inside a true moment, in percent.",
    "F1": "F1 of the seconds that the answer names against the true ones, mean over questions.",
    "AUC": "Share of queries whose IoU reaches a level, mean over all levels from 0 to 1.",
    "precision": "Share of queries of which so many predicted seconds are true, mean over all levels from 0 to 1.",
    "recall": "Share of queries of which so many true seconds are predicted, mean over all levels from 0 to 1.",
    "MR-mAP": "Mean average precision of the retrieved moments, over IoU from 0.5 to 0.95.",
    "HL-mAP": "Mean average precision of the clip scores: do the best clips come first?",
    "HIT@1": "Queries whose best-scored clip is a highlight, in percent.",
    "mAP": "Mean average precision: of a run, of its clips ranked by score. A paper may not say of what.",
}
ROWS = {
    "whole-video": "Always answers with the whole video.",
    "middle-half": "Always answers with the middle half of the video.",
    "train-prior": "Always answers with the share of the video that scores best on the train split.",
    "majority-option": "Always chooses the option that is right most often in the train split.",
    "equal-parts": "Cuts the video into equal parts, one a sentence.",
    "place-prior": "Always says for the first, second, … sentence the part of the video that scores best on the train split.",
    "random": "Says two random times of the video.",
    "zero-saliency": "Gives every clip the same score.",
    "oracle": "Upper bound: the truth itself, said in the words of the protocol.",
    "oracle-grid": "Upper bound of answers at the times of sampled frames; naming times between frames can pass this bound.",
    "oracle-rounded": "Upper bound: the truth, rounded as the protocol rounds answers.",
    "oracle-seconds": "Upper bound: the truth in whole seconds.",
    "oracle-clamped": "Upper bound: the truth, cut to the length of the video.",
    "longest-window": "Upper bound: of several true moments the longest.",
    "hull": "Upper bound: one moment from the first start to the last end.",
}
_AT = {
    "R1": "Queries whose first answer overlaps its moment by an IoU of {} or more, in percent.",
    "set-R1": "Queries whose predicted moments together overlap the true ones by an IoU of {} or more, in percent.",
    "F1": "F1 of the predicted instances at an IoU of {} or more.",
    "IoP": "Questions whose first moment lies inside a true one by a share of {} or more, in percent.",
    "IoU": "Questions whose first moment overlaps a true one by an IoU of {} or more, in percent.",
}
_SHAPES = {
    r"mAP@(.+):(.+) \(class given\)": "Mean average precision of instances over IoU from {} to {}. The question names the class, "
    "so numbers of detectors do not compare.",
    r"tiles:(.+)": "Cuts the video into tiles of about {} s.",
    r"train-prior:(.+)": "Always answers with the {} place that scores best on the train split.",
}


def meaning(term: str) -> str:
    """What a column, or a row without a model, means; empty for what has no entry.

    >>> meaning("R1@0.5")
    'Queries whose first answer overlaps its moment by an IoU of 0.5 or more, in percent.'
    """
    shapes = {rf"{name}@(\d[\d.]*)": told for name, told in _AT.items()} | _SHAPES
    found = (told.format(*match.groups()) for shape, told in shapes.items() if (match := re.fullmatch(shape, term)))
    return TERMS.get(term) or ROWS.get(term) or next(found, "")
