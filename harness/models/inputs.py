"""The one way from frames and a question to what a checkpoint is given: evaluation, rollout, log-probability and loss."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from harness.frames import Frames
from harness.models import clock, families, prompt
from harness.models.families import Positions, Stamps
from harness.models.generate import Row
from harness.models.positions import VIDEO
from tasks.errors import InputError
from tasks.rules import PromptRules


class Inputs:
    """Builds the inputs of one checkpoint, of which it reads configuration and position rule: `check_positions` comes before."""

    def __init__(self, model: Any, processor: Any, family: str) -> None:
        self.config = model.config
        self.inner = model.model
        self.processor = processor
        self.family = family
        vision = model.config.vision_config
        self.pixel_factor: int = vision.patch_size * vision.spatial_merge_size
        self.patch: int = vision.temporal_patch_size

    def build(self, frames: Frames, rules: PromptRules, texts: Sequence[str], device: str) -> tuple[list[Row], prompt.Video]:
        """Whole prompts for user turns on one video, and the video. Raises ClockError; InputError for frames of another size."""
        if any(side % self.pixel_factor for side in frames.pixels.shape[1:3]) or len(frames.time_s) % 2:
            expected = f"an even number of frames with sides divisible by {self.pixel_factor}"
            raise InputError(expected, f"{frames.pixels.shape}", "harness show default")
        video = prompt.encode(self.processor, self.family, frames, device)
        if rules.times == "text" and families.of(self.family).told is None:
            video = prompt.timed(video, self.processor.tokenizer, frames)
        rows = self.rows(video, rules, texts)
        self._check_clock(rows[0], video, frames)
        return rows, video

    def check(self, rules: PromptRules) -> float | None:
        """Build the inputs for four grey frames: of a processor's settings, most are only met with a video. Raises as `build`.

        Gives to how many seconds the clock is right; None if only the order of the frames reaches the model.
        """
        side = 2 * self.pixel_factor
        frames = Frames(np.full((4, side, side, 3), 128, dtype=np.uint8), np.arange(4) / 2, 0.5, 0.0, "made")
        rows, video = self.build(frames, rules, ["When?"], "cpu")
        return self._check_clock(rows[0], video, frames)

    def rows(self, video: prompt.Video, rules: PromptRules, texts: Sequence[str]) -> list[Row]:
        """Further questions on a video that `build` has encoded and checked."""
        rendered = [prompt.render(self.processor, rules, text) for text in texts]
        return [self._row(prompt.splice(self.processor.tokenizer, before, video, after), video) for before, after in rendered]

    def _row(self, ids: list[int], video: prompt.Video) -> Row:
        tokens = torch.tensor([ids])
        types = (tokens == self.config.video_token_id).int() * VIDEO
        features = int(video.grid.prod()) // self.config.vision_config.spatial_merge_size**2
        if int(types.count_nonzero()) != features:
            raise ValueError(f"{int(types.count_nonzero())} visual tokens for {features} visual features")
        seconds = {} if video.seconds is None else {"second_per_grid_ts": [video.seconds]}
        grid = video.grid.cpu()
        if video.apart:
            grid = torch.cat([torch.ones_like(grid[:, :1]), grid[:, 1:]], dim=1).expand(int(grid[0, 0]), 3)
        positions, _ = self.inner.get_rope_index(tokens, mm_token_type_ids=types, video_grid_thw=grid, **seconds)
        return Row(ids, positions[:, 0])

    def _check_clock(self, row: Row, video: prompt.Video, frames: Frames) -> float | None:
        """To how many seconds the clock is right; None if only the order of the frames reaches the model."""
        family, vision = families.of(self.family), self.config.vision_config
        if isinstance(family.told, Positions) and video.seconds is not None:
            rate = float(getattr(vision, family.told.rate))
            clock.check_seconds(video.seconds, frames, self.patch)
            shown = torch.tensor(row.ids) == self.config.video_token_id
            clock.check_ids(row.positions[0, shown], frames, self.patch, rate)
            return 1.0 / rate
        told = clock.WRITTEN._replace(of="mean", frames=self.patch) if video.apart else family.told
        if isinstance(told, Stamps):
            return clock.check_stamps(clock.texts_beside(self.processor.tokenizer, row.ids, family, told.side), frames, told)
        clock.check_grid(frames, self.patch)
        return None
