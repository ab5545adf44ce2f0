"""lmms-eval, both ways: its command line asks our questions and prints our numbers; its models answer in our runs."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import harness
from harness.cli import main
from harness.lmms_tasks import write
from harness.models import chat
from harness.models.tiny import build
from harness.synthetic.clock import draw_clock, read_clock
from harness.synthetic.make import make
from tasks import protocol
from tasks.task import all_tasks, find, load

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
READER = "FORCE_QWENVL_VIDEO_READER"
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "WANDB_MODE": "disabled",
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
}
SMALL = "max_num_frames=8,min_pixels=4096,max_pixels=8192"
SCHEMAS = Path(harness.__file__).parent / "schemas"
METRICS = ("mIoU", "R1@0.3", "R1@0.5", "R1@0.7")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    """Tiny tensors gain nothing from threads, and waiting for them is slow on a busy machine."""
    pytest.importorskip("torch").set_num_threads(1)


@pytest.fixture(autouse=True)
def no_reader_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(READER, raising=False)


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic benchmark with four test videos, one of them missing and one cut short."""
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 1, "dev": 1, "test": 4})
    folder = root / "synthetic" / "videos"
    (folder / "test-0000.mp4").unlink()
    (folder / "test-0001.mp4").write_bytes((folder / "test-0001.mp4").read_bytes()[:1500])
    return root


def evaluate(folder: Path, data_root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line of lmms-eval in a process of its own."""
    typed = [sys.executable, "-m", "harness.lmms_tasks", "eval", *arguments]
    environment = {
        **os.environ,
        **OFFLINE,
        "HF_HOME": str(folder / "hf"),
        "XDG_CACHE_HOME": str(folder),
        "HARNESS_DATA": str(data_root),
    }
    return subprocess.run(typed, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def run(backend: str, model: Path, data_root: Path, output: Path, args: str = SMALL) -> int:
    common = ["--tasks", "synthetic", "--data-root", str(data_root), "--device", "cpu", "--output", str(output)]
    return main(["run", "--backend", backend, "--model", str(model), "--model-args", args, *common])


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def check_schemas(folder: Path) -> None:
    schemas = {name: json.loads((SCHEMAS / f"{name}.schema.json").read_text()) for name in ("run", "samples")}
    Draft202012Validator(schemas["run"]).validate(json.loads((folder / "run.json").read_text(encoding="utf-8")))
    for row in read_lines(folder / "samples.jsonl"):
        Draft202012Validator(schemas["samples"]).validate(row)


def test_every_task_and_mode_has_its_file() -> None:
    for _ in range(2):
        found = {path.name: path.read_text(encoding="utf-8") for path in write.folder().iterdir()}
        assert found == write.STUB | write.files()
    named = {text.split("dataset_name: ")[1].split()[0] for text in write.files().values()}
    assert set(all_tasks()) - named == {"tvgbench"}


def test_a_cache_that_cannot_be_written_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cache").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert main(["ls", "lmms-path"]) == 2
    assert "expected: a cache folder that can be written" in capsys.readouterr().err


def test_generation_is_the_protocols() -> None:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!function", lambda loader, node: str(loader.construct_scalar(node)))
    for task in all_tasks().values():
        if task.has_cuts:
            continue
        config = yaml.load(write.files()[f"{write.name(task, 'direct')}.yaml"], Loader)
        assert config["generation_kwargs"] == chat.generation(protocol.load(task.protocol).decoding)
        assert config["reasoning_tags"] == "none" and config["num_fewshot"] == 0


def test_the_folder_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", "lmms-path"]) == 0
    assert (Path(capsys.readouterr().out.strip()) / "harness_charades.yaml").is_file()


@pytest.fixture(scope="module")
def runs(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both families through lmms-eval in one process, with their logs in `FAMILY/*/*.json*`."""
    pytest.importorskip("lmms_eval")
    folder = tmp_path_factory.mktemp("lmms")
    configs = [
        {
            "model": family,
            "model_args": f"pretrained={build(folder / f'tiny-{family}', family)},{SMALL}",
            "tasks": "harness_synthetic",
            "batch_size": 1,
            "output_path": str(folder / family),
            "log_samples": True,
            "verbosity": "DEBUG",
        }
        for family in FAMILIES
    ]
    (folder / "both.yaml").write_text(yaml.safe_dump(configs), encoding="utf-8")
    done = evaluate(folder, data_root, "--config", "both.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "1 of 4 videos are missing" in done.stderr
    assert "test-0001.mp4 cannot be read" in done.stderr
    assert "no GPU here; --model_args gets device=cpu,device_map=cpu" in done.stderr
    assert "synthetic@test: qwen_vl_utils reads video by pyav (vtg-harness)" in done.stderr
    return folder


def log(folder: Path, family: str) -> Path:
    (path,) = (folder / family).glob("*/*_samples_harness_synthetic.jsonl")
    return path


def results(folder: Path, family: str) -> dict[str, float]:
    (path,) = (folder / family).glob("*/*_results.json")
    entry = json.loads(path.read_text(encoding="utf-8"))["results"]["harness_synthetic"]
    return {metric: entry[f"{metric},none"] for metric in METRICS}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_log_of_lmms_eval_scores_as_it_said(
    family: str, runs: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in log(runs, family).read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 6
    assert {row["id"].split("/")[1] for row in rows} == {"test-0002", "test-0003"}
    assert main(["score", str(log(runs, family)), "--task", "synthetic", "--data-root", str(data_root), "--json"]) == 0
    ours = json.loads(capsys.readouterr().out)["modes"]["direct"]["aggregate"]
    assert ours.pop("n") == 12
    assert results(runs, family) == ours


@pytest.mark.parametrize("family", FAMILIES)
def test_its_models_answer_in_our_runs_as_in_its_own(
    family: str, runs: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"lmms:{family}", runs / f"tiny-{family}", data_root, tmp_path) == 0
    shown = capsys.readouterr()
    assert "WRONG CLOCK" not in shown.out and f"lmms:{family}: video is read by pyav (vtg-harness)" in shown.err
    theirs = {row["id"]: row["filtered_resps"] for row in read_lines(log(runs, family))}
    ours = read_lines(tmp_path / "samples.jsonl")
    assert {row["id"]: row["text"].strip() for row in ours if row["text"] is not None} == theirs
    assert len(set(theirs.values())) > 1
    assert Counter(row["error"]["type"] for row in ours if row["error"]) == {"missing-video": 3, "video-truncated": 3}
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))["modes"]["direct"]["aggregate"]
    assert {metric: scores[metric] for metric in METRICS} == results(runs, family)
    model = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["spec"]["model"]
    assert model["backend"] == f"lmms:{family}" and ".chat." in model["class"] and len(model["fingerprint"]) == 64
    assert model["clock"].startswith("right on a probe video of 24 s") and model["reader"] == "pyav (vtg-harness)"
    assert model["sight"] == "probed: logits follow the first half, the second half, the order of the halves"
    check_schemas(tmp_path)


def test_a_reader_that_the_user_names_is_used_and_said(
    runs: Path, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(READER, "decord")
    assert run("lmms:qwen3_vl", runs / "tiny-qwen3_vl", data_root, tmp_path) == 0
    shown = capsys.readouterr().err
    assert f"video is read by decord ({READER})" in shown and "decord shows other pictures" in shown
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["spec"]["model"]["reader"] == f"decord ({READER})"
    theirs = {row["id"]: row["filtered_resps"] for row in read_lines(log(runs, "qwen3_vl"))}
    assert {row["id"]: row["text"].strip() for row in read_lines(tmp_path / "samples.jsonl") if row["text"] is not None} == theirs


@pytest.mark.parametrize(("name", "found"), [("decrod", "nearest: decord"), ("torchvision", "reads no video any more")])
def test_a_reader_that_cannot_read_is_refused(
    name: str, found: str, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lmms_eval")
    monkeypatch.setenv(READER, name)
    assert run("lmms:qwen2_5_vl", Path("any/name"), data_root, tmp_path / "run") == 2
    shown = capsys.readouterr().err
    assert found in shown and f"next:     unset {READER}" in shown


ENCODED = {
    "open groups.mp4": ("libx264", {"x264-params": "open-gop=1:keyint=12:bframes=3"}),
    "open groups.mkv": ("libx265", {"x265-params": "open-gop=1:keyint=12:bframes=3:log-level=none"}),
    "mpeg4.avi": ("mpeg4", {"bf": "2", "g": "12"}),
}


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("asked", [{"nframes": 20}, {"fps": 2.0}, {"fps": 4.0, "video_start": 1.0, "video_end": 4.0}], ids=str)
def test_the_pictures_are_those_of_the_frame_numbers(name: str, asked: dict[str, float], tmp_path: Path) -> None:
    """decord, which qwen_vl_utils takes where torchcodec is not installed, shows others in each of these files."""
    vision = pytest.importorskip("qwen_vl_utils.vision_process")
    av = pytest.importorskip("av")
    from harness.models import lmms_reader

    codec, options = ENCODED[name]
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.height, stream.width, stream.pix_fmt = 128, 192, "yuv420p"
        for number in range(50):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(draw_clock(number / 10), format="rgb24")))
        container.mux(stream.encode())
    assert lmms_reader.install() is not None
    small = {"resized_height": 128, "resized_width": 192}
    pixels, metadata = vision.fetch_video({"video": str(tmp_path / name), **asked, **small}, return_video_metadata=True)
    shown = [read_clock(picture) for picture in pixels.permute(0, 2, 3, 1).round().byte().numpy()]
    assert shown == pytest.approx([index / metadata["fps"] for index in metadata["frames_indices"]])
    assert len(shown) == {20: 20, 2.0: 10, 4.0: 12}[asked.get("nframes", asked.get("fps"))]


def test_what_breaks_a_video_is_not_hidden_by_another_reader(tmp_path: Path) -> None:
    vision = pytest.importorskip("qwen_vl_utils.vision_process")
    from harness.models import lmms_reader
    from harness.video.failure import DecodeError

    lmms_reader.install()
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(DecodeError, match="video-unreadable"):
        vision.fetch_video({"video": str(tmp_path / "broken.mp4")})


def test_an_evaluation_that_failed_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """lmms-eval prints the exception and ends with 0."""
    pytest.importorskip("lmms_eval")
    from lmms_eval import __main__ as command

    from harness.lmms_tasks import __main__ as launcher

    def dispatch(name: str) -> None:
        with contextlib.suppress(ValueError):
            command.cli_evaluate_single(Namespace(model=name, model_args="", device=None, force_simple=False, include_path=None))

    monkeypatch.setattr(sys, "argv", ["lmms_tasks", "eval"])
    for name, code in (("qwen25_vl", 1), ("dummy", 0)):
        monkeypatch.setattr("lmms_eval.cli.dispatch.main", partial(dispatch, name))
        monkeypatch.setattr(command, "cli_evaluate_single", lambda arguments: None)
        assert launcher.main() == code


def test_a_wrong_clock_is_said_wherever_someone_looks(
    runs: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("lmms-simple:qwen2_5_vl", runs / "tiny-qwen2_5_vl", data_root, tmp_path) == 0
    shown = capsys.readouterr()
    assert "WRONG CLOCK: the model was told wrong times of the frames in 6 replies" in shown.out
    assert "clock WRONG on a probe video" in shown.err
    document = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert document["counts"] == {"questions": 12, "failed": 6, "wrong_clock": 6}
    assert "second_per_grid_ts 0.083, last patch told 0.25 s, true 20." in document["spec"]["model"]["clock"]
    truth = json.loads((data_root / "synthetic" / "test.json").read_text(encoding="utf-8"))
    for row in read_lines(tmp_path / "samples.jsonl"):
        if row["error"] is None:
            # Eight frames from first to last, of which the seventh begins the last patch; the processor says 3 * 2 / 24 s.
            last_s = truth[row["id"].split("/")[1]]["duration"] - 0.5
            assert row["wrong_clock_s"] == pytest.approx(last_s * 6 / 7 - 0.25, abs=1e-3)
    check_schemas(tmp_path)


def test_a_video_that_a_class_leaves_out_is_an_error(
    runs: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The simple class knows three suffixes; without a word it asks about no video at all."""
    root = shutil.copytree(data_root, tmp_path / "data")
    video = root / "synthetic" / "videos" / "test-0002.mp4"
    video.rename(video.with_suffix(".mkv"))
    assert run("lmms-simple:qwen2_5_vl", runs / "tiny-qwen2_5_vl", root, tmp_path / "run") == 1
    rows = [row for row in read_lines(tmp_path / "run" / "samples.jsonl") if "test-0002" in row["id"]]
    assert ["passed no video of test-0002.mkv" in row["error"]["message"] for row in rows] == [True] * 3
    assert "3 model-error" in capsys.readouterr().out


def test_what_the_probe_shows_to_fail_does_not_start(
    runs: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The chat class does not say that frames are chosen already; the processor chooses again and runs out of them."""
    broken = shutil.copytree(runs / "tiny-qwen2_5_vl", tmp_path / "broken")
    for path in broken.glob("*processor*.json"):
        path.write_text(path.read_text(encoding="utf-8").replace('"do_sample_frames": false', '"do_sample_frames": true'))
    assert run("lmms:qwen2_5_vl", broken, data_root, tmp_path / "run") == 2
    assert "expected: an answer of lmms:qwen2_5_vl to a probe video" in capsys.readouterr().err
    assert not (tmp_path / "run" / "samples.jsonl").exists()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_class_whose_model_is_blind_does_not_start(
    family: str, runs: Path, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import transformers

    tower = {"qwen2_5_vl": transformers.Qwen2_5_VLModel, "qwen3_vl": transformers.Qwen3VLModel}[family]
    seeing = tower.forward

    def blind(self: Any, *given: Any, pixel_values_videos: Any = None, mm_encoder_outputs: Any = None, **keywords: Any) -> Any:
        return seeing(self, *given, **keywords)

    monkeypatch.setattr(tower, "forward", blind)
    assert run(f"lmms:{family}", runs / f"tiny-{family}", data_root, tmp_path / "run") == 2
    assert "the same logits whatever the first half, the second half, the order of the halves" in capsys.readouterr().err
    assert not (tmp_path / "run" / "samples.jsonl").exists()


def test_errors_that_a_model_class_hides_are_errors_here(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lmms_eval")
    from lmms_eval.api.model import lmms
    from loguru import logger

    import harness.models  # noqa: F401  (torchvision, before lmms_eval imports it)

    class Careless(lmms):
        def __init__(self, pretrained: str, device: str) -> None:
            super().__init__()
            self.replies = iter(["ready", "1 to 9", "", "hidden", "raised", "2 to 3", "4 to 5"])

        def generate_until(self, requests: Any) -> list[str]:
            reply = next(self.replies)
            if reply == "raised":
                raise RuntimeError("out of luck")
            if reply == "hidden":
                logger.error("Error in generating: out of luck")
            return ["" if reply == "hidden" else reply]

        loglikelihood = generate_until_multi_round = None

    monkeypatch.setattr("lmms_eval.models.get_model", lambda name, force_simple: Careless)
    assert run("lmms-simple:llava", Path("any/name"), data_root, tmp_path, args="") == 1
    rows = [row for row in read_lines(tmp_path / "samples.jsonl") if "test-0002" in row["id"] or "test-0003" in row["id"]]
    assert [row["error"]["type"] if row["error"] else row["text"] for row in rows] == [
        *("1 to 9", "empty-reply", "model-error", "model-error", "2 to 3", "4 to 5")
    ]
    assert [row["error"]["message"].strip() for row in rows[2:4]] == [
        *("Error in generating: out of luck", "RuntimeError: out of luck")
    ]
    shown = capsys.readouterr()
    assert "clock not measured" in shown.err and "2 model-error" in shown.out
    document = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert document["spec"]["model"]["sight"] == "not probed: Careless shows no logits"
    check_schemas(tmp_path)


@pytest.mark.parametrize(
    ("backend", "options", "words"),
    [
        ("lmms", [], "lmms:NAME"),
        ("vlm", [], "lmms:NAME"),
        ("hf:x", [], "lmms:NAME"),
        ("hf", ["--model-args", "fps=2"], "with --backend lmms:NAME"),
        ("lmms:qwen25_vl", [], "nearest: qwen2_5_vl"),
        ("lmms:qwen2_5_vl", ["--protocol", "time-r1"], "a system message in protocol time-r1"),
        ("lmms-simple:qwen2_5_vl", ["--protocol", "videochat-r1"], "a repetition penalty, the text before the video"),
        ("lmms:qwen2_5_vl", ["--dtype", "float32"], "--dtype float32"),
        ("lmms:qwen2_5_vl", ["--model-args", "frames=3"], "Unexpected kwargs"),
    ],
)
def test_bad_usage(
    backend: str, options: list[str], words: str, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if ":q" in backend:
        pytest.importorskip("lmms_eval")
    common = ["--tasks", "synthetic", "--data-root", str(data_root), "--device", "cpu", "--output", str(tmp_path / "run")]
    assert main(["run", "--model", "a/b", "--backend", backend, *common, *options]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run" / "samples.jsonl").exists()


REAL = {
    "charades": ("charades_sta", 3720),
    "anet": ("activitynet", 17031),
    "qvhighlights": ("qvhighlights", 1550),
    "tacos": ("tacos", 4001),
}


@pytest.mark.shared_data
def test_known_replies_give_known_numbers(
    shared_data: Path, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three videos of each real benchmark are there; every second reply is the truth, the others say nothing."""
    pytest.importorskip("lmms_eval")
    from lmms_eval.api.model import lmms
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager

    import harness.models  # noqa: F401  (torchvision, before lmms_eval imports it)

    class Scripted(lmms):
        is_simple = False

        def generate_until(self, requests: Any) -> list[str]:
            replies = []
            for request in requests:
                _, say, decoding, doc_id, task, split = request.args
                doc = self.task_dict[task][split][doc_id]
                (message,) = say(doc)
                assert [part["type"] for part in message["content"]] == ["video", "text"]
                assert message["content"][1]["text"] == request.args[0] and decoding["until"] == []
                start, end = json.loads(doc["targets"])[0]
                replies.append(f"<answer>{start} to {end}</answer>" if doc_id % 2 == 0 else "I cannot say.")
            return replies

        loglikelihood = generate_until_multi_round = None

    for folder, _ in REAL.values():
        (tmp_path / folder).symlink_to(shared_data / folder)
    (tmp_path / "videos").mkdir()
    video = next((data_root / "synthetic" / "videos").glob("test-0003.mp4"))
    asked = {}
    for name in REAL:
        samples = load(find(name), find(name).default_split, tmp_path)
        keys = list(dict.fromkeys(sample.video for sample in samples))[:3]
        asked[name] = sum(sample.video in keys for sample in samples)
        for key in keys:
            shutil.copy(video, tmp_path / "videos" / (key if key.endswith(".avi") else f"{key}.mp4"))
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    tasks = [f"harness_{name}" for name in REAL]
    manager = TaskManager(include_path=str(write.folder()), include_defaults=False)
    found = simple_evaluate(model=Scripted(), tasks=tasks, task_manager=manager, log_samples=False)["results"]
    for name, (_, total) in REAL.items():
        known = 100 * ((asked[name] + 1) // 2) / total
        entry = {key.removesuffix(",none"): value for key, value in found[f"harness_{name}"].items()}
        metrics = ("MR-full-R1@0.5", "MR-full-R1@0.7") if name == "qvhighlights" else METRICS
        assert {metric: entry[metric] for metric in metrics} == dict.fromkeys(metrics, pytest.approx(known, rel=1e-12))
        assert ("MR-full-mAP" in entry) == (name == "qvhighlights")
