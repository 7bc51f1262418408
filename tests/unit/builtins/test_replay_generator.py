"""The generator that gives stored outputs."""

import asyncio
import gc
import gzip
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from themis.core.builtins.generators.replay import ReplayGenerator
from themis.core.components.resolution import GENERATOR, load_component
from themis.core.contexts import GenerateContext
from themis.core.errors import ReplayError, ThemisError
from themis.core.models import Case, GenerationResult

LINES = [
    {"case_id": "a", "by": {"small": {"text": "one"}, "large": {"text": "uno"}}},
    {"case_id": "b", "by": {"small": {"text": {"deep": [1]}}, "large": {"text": "dos"}}},
    {"case_id": "c", "by": {"large": {"text": "tres"}}},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "outputs.jsonl"
    path.write_text("\n\n".join(json.dumps(line, ensure_ascii=False) for line in LINES), encoding="utf-8")
    return path


def replay(generator: ReplayGenerator, case_id: str, seed: int | None = None) -> GenerationResult:
    context = GenerateContext(run_id="r", case_id=case_id, seed=seed)
    return asyncio.run(generator.generate(Case(case_id=case_id, input="q"), context))


def refusal(path: Path, **arguments: Any) -> str:
    with pytest.raises(ReplayError) as caught:
        ReplayGenerator(str(path), arguments.pop("output", "text"), **arguments)
    return str(caught.value)


def test_each_case_gets_its_stored_output_in_any_order(file: Path) -> None:
    generator = ReplayGenerator(str(file), "by.small.text")
    assert replay(generator, "b").final_output == {"deep": [1]}
    result = replay(generator, "a", seed=3)
    assert (result.candidate_id, result.final_output, result.artifacts) == ("a-replay-3", "one", {"line": 1})


def test_a_case_without_a_line_or_an_output_fails_alone(file: Path) -> None:
    generator = ReplayGenerator(str(file), "by.small.text")
    with pytest.raises(ReplayError, match=rf"^{file}: holds no output for case 'z'$"):
        replay(generator, "z")
    with pytest.raises(ReplayError, match=rf"^{file}:5: has no 'by.small.text'$"):
        replay(generator, "c")


@pytest.mark.parametrize(
    ("content", "place", "reason"),
    [
        (b'{"case_id": "a", "text": 1}\n\nnot json\n', ":3: ", "is not JSON"),
        (b'{"case_id": "a", "text": NaN}', ":1: ", "is not JSON"),
        (b'{"case_id": "a", "text": "\xff"}', ":1: ", "is not JSON"),
        (b"[1]", ":1: ", "must be a JSON object"),
        (b'{"id": "a", "text": 1}', ":1: ", "has no text at 'case_id'"),
        (b'{"case_id": null, "text": 1}', ":1: ", "has no text at 'case_id'"),
        (b'{"case_id": "a", "text": 1}\n{"case_id": "a", "text": 1}', ":2: ", "case id 'a' appears twice"),
        (b'{"case_id": "a"}\n{"case_id": "b", "txet": 1}', ": ", "no line has 'text'"),
        (b"", ": ", "no line has 'text'"),
    ],
)
def test_a_bad_file_is_refused_when_the_generator_is_made(
    tmp_path: Path, content: bytes, place: str, reason: str
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"{path}{place}")
    assert reason in message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "cannot be read: No such file" in refusal(tmp_path / "missing")
    assert "is not a regular file" in refusal(tmp_path)
    assert "is not a regular file" in refusal(tmp_path / "fifo")


def test_ids_may_be_numbers_and_stand_anywhere_and_the_file_may_begin_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"meta": {"id": 7}, "outs": ["x", "y"]}\r\n{"meta": {"id": 8}, "outs": [0]}\r\n')
    generator = ReplayGenerator(str(path), "outs.0", case_id="meta.id")
    assert [replay(generator, case_id).final_output for case_id in ("7", "8")] == ["x", 0]


def test_the_fingerprint_follows_content_and_field_and_not_the_place(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(file.read_bytes())
    first = ReplayGenerator(str(file), "by.small.text").fingerprint()
    assert ReplayGenerator(str(copy), "by.small.text").fingerprint() == first
    assert ReplayGenerator(str(file), "by.large.text").fingerprint() != first
    copy.write_bytes(file.read_bytes() + b" ")
    assert ReplayGenerator(str(copy), "by.small.text").fingerprint() != first


def test_a_file_that_is_overwritten_meanwhile_is_noticed(file: Path) -> None:
    generator = ReplayGenerator(str(file), "by.large.text")
    file.write_bytes(file.read_bytes().replace(b'"b"', b'"q"'))
    with pytest.raises(ReplayError, match=r":3: was changed while it was replayed"):
        replay(generator, "b")
    file.write_bytes(b"")
    with pytest.raises(ReplayError, match=r":1: is not JSON"):
        replay(generator, "a")


def test_it_is_named_in_a_config_with_its_arguments(file: Path) -> None:
    spec = {"use": "builtin/replay_generator", "with": {"path": str(file), "output": "by.large.text"}}
    assert replay(load_component(spec, GENERATOR, where="test").live, "c").final_output == "tres"
    with pytest.raises(ThemisError, match="needs 'path' and 'output'"):
        load_component("builtin/replay_generator", GENERATOR, where="test")


@pytest.mark.not_smoke
def test_outputs_stay_in_the_file_and_the_file_is_closed_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    with path.open("w") as out:
        for number in range(5_000):
            out.write(json.dumps({"case_id": f"c{number}", "text": "x" * 2_000}) + "\n")
    tracemalloc.start()
    generator = ReplayGenerator(str(path), "text")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 10_000_000
    assert peak < 4_000_000
    descriptor = generator._descriptor
    del generator
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_packed_file_is_refused_as_one_and_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "outputs.jsonl.gz").write_bytes(gzip.compress(b'{"case_id": "a", "text": 1}\n'))
    (tmp_path / "outputs.jsonl").write_bytes(b'{"case_id": "a", "text": 1}\n')
    assert "outputs.jsonl.gz: is packed with gzip; unpack it" in refusal(tmp_path / "outputs.jsonl.gz")
    assert replay(ReplayGenerator("~/outputs.jsonl", "text"), "a").final_output == 1
