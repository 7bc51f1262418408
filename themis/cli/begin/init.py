"""`themis init`: a small experiment that asks a model, to start from."""

import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from themis.cli.begin.found_models import FoundModel, found_model
from themis.cli.command import command
from themis.cli.terminal import streams
from themis.cli.terminal.output import note, note_lines, say
from themis.cli.terminal.own_command import own_command
from themis.core.errors import InvalidArgumentError

PROVIDERS = ("openai", "anthropic", "vllm", "ollama", "demo")
_DEMO = "demo"
_NOT_FOUND = "neither OPENAI_API_KEY nor ANTHROPIC_API_KEY is set, and no Ollama or vLLM answers on this machine"
_NO_MODEL = "the built-in demo model is not a real model: it knows every answer"


@command(
    "init",
    "themis init --path mine",
    "themis init --path mine --provider openai --model gpt-5.4-mini",
    "themis init --path mine --provider demo",
)
@click.option(
    "--path", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Created if it does not exist."
)
@click.option(
    "--provider",
    type=click.Choice(PROVIDERS),
    help="Whose model to ask; demo is a built-in one that knows every answer.  [default: what is found here: a key in "
    "the environment, else an Ollama or vLLM server on this machine; else you are asked, or it is demo]",
)
@click.option("--model", metavar="NAME", help="The model, by the provider's name; needs --provider.")
def init(*, path: Path, provider: str | None, model: str | None) -> None:
    """Write experiment.yaml, data/sample.jsonl and run.py into a folder, and print its path.

    The experiment asks a model; which one, and why, is said, and so are the next commands. Beside it is the schema by
    which editors complete and check the file. No file is overwritten.
    """
    from themis.cli.begin.starting_files import CONFIG, files_of, next_steps

    _check(provider, model)
    _refuse_present(path, (CONFIG, "data/sample.jsonl", "run.py"))
    found = None if provider is not None else found_model(os.environ)
    chosen = provider or (found.provider if found is not None else _asked_for())
    named = model or (found.model if found is not None else None)
    _write(path, files_of(chosen, named))
    say(str(path))
    _explain(chosen, named, found, is_named=provider is not None)
    ready = found is not None and (found.model is not None or chosen in {"openai", "anthropic"})
    config = shlex.quote(str(path / CONFIG))
    steps = next_steps(chosen, named, config, ready=ready, command=own_command())
    note_lines("Next:\n" + "\n".join(f"  {step}" for step in [*_packages(chosen), *steps]))


def _check(provider: str | None, model: str | None) -> None:
    real = ", ".join(name for name in PROVIDERS if name != _DEMO)
    if model is not None and provider in {None, _DEMO}:
        raise InvalidArgumentError(argument="--model", detail=f"needs --provider, one of {real}")
    if model is not None and not model.strip():
        raise InvalidArgumentError(argument="--model", detail="is empty")


def _asked_for() -> str:
    """The provider that somebody in front of a terminal chooses; elsewhere the demo model."""
    if not (sys.stdin is not None and sys.stdin.isatty() and streams.has_terminal()):
        return _DEMO
    note(f"{_NOT_FOUND}; {_NO_MODEL}")
    chosen: str = click.prompt(
        "Whose model should the experiment ask?", type=click.Choice(PROVIDERS), default=_DEMO, err=True
    )
    return chosen


def _explain(chosen: str, model: str | None, found: FoundModel | None, *, is_named: bool) -> None:
    """Say which model the experiment asks, and why that one."""
    from themis.cli.begin.starting_files import STARTS

    if chosen == _DEMO:
        reason = "" if is_named else f"{_NOT_FOUND}; "
        uses = "the experiment uses the built-in demo model, which is not a real model: it knows every answer"
        note(f"{reason}{uses}; --provider openai, anthropic, ollama or vllm asks one")
    else:
        why = f" ({found.why})" if found is not None else ""
        note(f"the experiment asks {model or STARTS[chosen].model} of {chosen}{why}")


def _packages(chosen: str) -> list[str]:
    """The command that installs the provider's client library, if it is missing."""
    from themis.cli.begin.starting_files import STARTS

    if chosen == _DEMO or find_spec("anthropic" if chosen == "anthropic" else "openai") is not None:
        return []
    return [f"pip install 'themis-eval[{STARTS[chosen].extra}]'"]


def _refuse_present(path: Path, names: tuple[str, ...]) -> None:
    """Raise InvalidArgumentError if one of the files is there, before anybody is asked anything."""
    present = [name for name in names if (path / name).exists()]
    if present:
        detail = f"{path} already contains {present[0]}, which is not overwritten; name another folder"
        raise InvalidArgumentError(argument="--path", detail=detail)


def _write(path: Path, files: dict[str, str]) -> None:
    """Write files into a folder; a schema that is there already is replaced, since it is ours.

    Raises:
        InvalidArgumentError: one cannot be written.
    """
    from themis.core.configuration.json_schema import SCHEMA_FILE

    try:
        for name, text in files.items():
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("w" if name == SCHEMA_FILE else "x", encoding="utf-8") as out:
                out.write(text)
    except OSError as error:
        detail = f"cannot write {error.filename or path}: {error.strerror}"
        raise InvalidArgumentError(argument="--path", detail=detail) from error
