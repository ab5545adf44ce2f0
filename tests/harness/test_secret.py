"""Keys and passwords are found where users put them, and nothing else is touched."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.secret import MARK, hidden, known, redact

PASSWORD, KEY = "hunter2!x", "sk-proj-0a1b2c3d4e"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"http://me:{PASSWORD}@host:80/v1", "http://***@host:80/v1"),
        (f"https://{KEY}@host/v1", "https://***@host/v1"),
        ("http://me:a@b@host/v1", "http://***@host/v1"),
        (f"https://host/v1?api_key={KEY}&api-version=2024-02-01", "https://host/v1?api_key=***&api-version=2024-02-01"),
        (f"https://host/v1#{KEY}", "https://host/v1"),
        (f"api_key={KEY},fps=2", "api_key=***,fps=2"),
        (f'{{"api_key": "{KEY}"}}', '{"api_key": "***"}'),
        (f"--set=hub_token={KEY}", "--set=hub_token=***"),
        ("http://[1:2/v1", MARK),
    ],
)
def test_secrets_are_hidden(text: str, shown: str) -> None:
    assert hidden(text) == shown
    assert hidden(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000/v1/",
        "https://api.openai.com/v1",
        "https://me.openai.azure.com/openai/deployments/qwen2-5-vl-7b-instruct-awq",
        "max_num_frames=64,fps=2",
        "eos_token=<|im_end|>",
        "--set learning_rate=1e-6",
        "a monkey=banana",
        "from 1.5 to 4 s; key: value",
        "/data/videos/a=b.mp4",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert hidden(text) == text
    assert known({}, [text]) == ()


def test_a_key_in_a_path_is_hidden_and_servers_stay_apart() -> None:
    one, two = (hidden(f"https://host/{key}/v1") for key in (KEY, "sk-proj-another"))
    assert one != two and KEY not in one and one.startswith("https://host/***")


def test_what_a_server_may_echo_is_known() -> None:
    header = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    secrets = known({"OPENAI_API_KEY": KEY, "PATH": "/usr/bin", "HF_TOKEN": "hf"}, [f"http://me:{PASSWORD}@host?q=a%20b%20c%20d"])
    echoed = f"Basic {header}, {PASSWORD}, {KEY}, a b c d, a%20b%20c%20d; me, hf, /usr/bin"
    assert redact(echoed, secrets) == "Basic ***, ***, ***, ***, ***; me, hf, /usr/bin"


@given(st.text(), st.lists(st.text(min_size=1), max_size=3))
def test_any_text_is_taken(text: str, secrets: list[str]) -> None:
    assert hidden(hidden(text)) == hidden(text)
    assert all(secret not in redact(text, [secret]) for secret in secrets if not set(secret) <= set(MARK))
