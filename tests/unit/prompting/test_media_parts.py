"""Images and files in prompts: found by a path or a hash, shown by what identifies them, sent in each dialect."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.model_server import ModelServer
from themis.cli.main import main
from themis.core.errors import PromptError
from themis.core.experiment import Experiment
from themis.core.media.media_folder import keep
from themis.core.prompting import media_parts
from themis.core.submission import run_worker_once, submit_experiment

PNG = b"\x89PNG\r\n\x1a\n picture"
PDF = b"%PDF-1.7 paper"
PARTS = [{"text": "Look: {{ question }}"}, {"image": "pictures/{{ picture }}"}, {"file": "paper.pdf"}]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THEMIS_MEDIA_DIR", str(tmp_path / "media"))
    top = tmp_path / "experiment"
    (top / "pictures").mkdir(parents=True)
    for number in range(3):
        (top / "pictures" / f"{number}.png").write_bytes(PNG + b"%d" % number)
    (top / "paper.pdf").write_bytes(PDF)
    (tmp_path / "secret.png").write_bytes(PNG)
    return top


def written(folder: Path, template: Any, generator: Any = "builtin/demo_generator", **more: Any) -> Path:
    cases = [
        {"case_id": f"c{number}", "input": {"question": f"what is {number}?", "picture": f"{number}.png", **more}}
        for number in range(3)
    ]
    document = {
        "generation": {"generator": generator, "prompt": {"template": template}},
        "evaluation": {"metrics": []},
        "storage": {"store": "sqlite"},
        "datasets": [{"dataset_id": "d", "cases": cases}],
    }
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def run_id(config: Path) -> str:
    return Experiment.from_config(config).compile().run_id


PICTURE = base64.b64encode(PNG + b"0").decode()
PAPER = base64.b64encode(PDF).decode()
SENT = {
    "chat_completions": [
        {"type": "text", "text": "Look: what is 0?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
        {"type": "file", "file": {"filename": "paper.pdf", "file_data": f"data:application/pdf;base64,{PAPER}"}},
    ],
    "responses": [
        {"type": "input_text", "text": "Look: what is 0?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"},
        {"type": "input_file", "filename": "paper.pdf", "file_data": f"data:application/pdf;base64,{PAPER}"},
    ],
    "anthropic": [
        {"type": "text", "text": "Look: what is 0?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PAPER}},
    ],
}


@pytest.mark.parametrize("dialect", SENT)
def test_each_api_receives_files_in_its_own_form(
    folder: Path, capsys: pytest.CaptureFixture[str], dialect: str
) -> None:
    with ModelServer() as server:
        is_openai = dialect != "anthropic"
        given = {
            "model_id": "m",
            "api_key": "none",
            "base_url": server.openai_url if is_openai else server.anthropic_url,
        }
        use = (
            {"use": "openai", "with": {**given, "api_mode": dialect}} if is_openai else {"use": dialect, "with": given}
        )
        config = written(folder, PARTS, use)
        assert main(["prompt", "show", "--config", str(config), "--json"]) == 0
        shown = capsys.readouterr().out
        result = Experiment.from_config(config).run()
        assert result.status.value == "completed"
        turns = [request.data.get("messages") or request.data["input"] for request in server.requests]
    assert SENT[dialect] in [turn[-1]["content"] for turn in turns]
    assert PICTURE not in shown, "what is shown is the kind, the size and the hash"
    part = json.loads(shown)["messages"][0]["content"][1]
    assert (part["media_type"], part["bytes"], part["name"]) == ("image/png", len(PNG) + 1, "0.png")
    assert part["sha256"] in json.dumps(json.loads(shown)["request"])
    kept = result.cases[0].generated_candidates[0].conversation
    assert kept is not None
    assert PICTURE not in json.dumps([turn.model_dump() for turn in kept])


def test_the_content_of_files_decides_the_run_and_their_place_does_not(folder: Path, tmp_path: Path) -> None:
    before = run_id(written(folder, PARTS))
    folder.rename(tmp_path / "elsewhere")
    config = tmp_path / "elsewhere" / "experiment.yaml"
    assert run_id(config) == before
    (config.parent / "pictures" / "2.png").write_bytes(PNG + b"other")
    assert run_id(config) != before


def test_a_worker_sends_the_files_of_the_submission_or_nothing(folder: Path) -> None:
    config = written(folder, PARTS)
    submit_experiment(Experiment.from_config(config), config_path=str(config), mode="worker_pool")
    (folder / "pictures" / "1.png").write_bytes(PNG + b"changed")
    ended = run_worker_once(folder / "runs" / "queue")
    assert ended is not None
    assert ended.status.value == "failed"
    assert "a file has changed since the run was compiled" in str(ended.error)


def test_a_file_that_changes_after_compiling_is_never_sent(folder: Path) -> None:
    experiment = Experiment.from_config(written(folder, PARTS))
    experiment.compile()
    (folder / "pictures" / "1.png").write_bytes(PNG + b"changed")
    result = experiment.run()
    failures = {case.case_id: str(case.generation_failures) for case in result.cases if case.generation_failures}
    assert list(failures) == ["c1"]
    assert "image 'pictures/1.png' has changed since the run was made" in failures["c1"]


def test_a_reference_of_a_dataset_is_an_image_too(folder: Path) -> None:
    config = written(folder, [{"image": "{{ held }}"}], held=keep(PNG))
    assert Experiment.from_config(config).run().status.value == "completed"


@pytest.mark.parametrize(
    ("template", "more", "reason"),
    [
        ([{"image": "pictures/no-{{ picture }}"}], {}, r"dataset 'd', case 1: .*there is no file .*no-0\.png"),
        ([{"image": "paper.pdf"}], {}, "image 'paper.pdf' is application/pdf, and no image"),
        ([{"image": "pictures/{{ up }}"}], {"up": "../../secret.png"}, "is outside of .*pictures, and is not read"),
        ([{"image": "{{ up }}"}], {"up": "/etc/hostname"}, "is outside of"),
        ([{"file": "{{ up }}"}], {"up": " "}, "an empty name"),
        ([{"image": "{{ up }}"}], {"up": "sha256:" + "0" * 64}, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_sent_is_one_line_before_a_model_is_asked(
    folder: Path, capsys: pytest.CaptureFixture[str], template: Any, more: dict[str, Any], reason: str
) -> None:
    config = written(folder, template, **more)
    with pytest.raises(PromptError, match=reason):
        Experiment.from_config(config).run()
    assert main(["run", "--config", str(config)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_files_have_bounds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_parts, "MAX_PROMPT_BYTES", 20)
    with pytest.raises(PromptError, match="the files of a prompt have 31 bytes together, and it takes at most 20"):
        run_id(written(folder, PARTS))


def test_turns_have_roles_and_parts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = [
        {"role": "user", "content": [{"image": "pictures/0.png"}, {"text": "What is this?"}]},
        {"role": "assistant", "content": "A picture."},
        {"role": "user", "content": "And {{ picture }}?"},
    ]
    assert main(["prompt", "show", "--config", str(written(folder, template)), "--json"]) == 0
    messages = json.loads(capsys.readouterr().out)["messages"]
    assert [turn["role"] for turn in messages] == ["user", "assistant", "user"]
    assert messages[0]["content"][0]["type"] == "image"
    assert messages[2]["content"] == "And 0.png?"
    with pytest.raises(ValueError, match="the last turn of `template` must be of the user"):
        Experiment.from_config(written(folder, template[:2]))
    with pytest.raises(ValueError, match="a part is one of `text`, `image` and `file`"):
        Experiment.from_config(written(folder, [{"text": "a", "image": "b"}]))


def test_a_sound_is_refused_where_an_api_has_no_place_for_it(folder: Path) -> None:
    (folder / "a.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    with ModelServer() as server:
        given = {"model_id": "m", "api_key": "none", "base_url": server.openai_url}
        responses = written(folder, [{"file": "a.wav"}], {"use": "openai", "with": {**given, "api_mode": "responses"}})
        result = Experiment.from_config(responses).run()
        assert "this API takes no sounds" in str(result.cases[0].generation_failures)
        assert not server.requests
        chat = written(folder, [{"file": "a.wav"}], {"use": "openai", "with": given})
        assert Experiment.from_config(chat).run().status.value == "completed"
        content = server.requests[0].data["messages"][0]["content"]
    data = base64.b64encode((folder / "a.wav").read_bytes()).decode()
    assert content == [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]
