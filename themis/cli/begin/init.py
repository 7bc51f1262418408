"""`themis init`: a small working experiment to start from."""

import shlex
from importlib.util import find_spec
from pathlib import Path

import click

from themis.cli.command import command
from themis.cli.terminal.output import note_lines, say
from themis.core.errors import InvalidArgumentError

PROVIDERS = ("openai", "anthropic", "vllm", "ollama")


@command(
    "init",
    "themis init --path mine",
    "themis init --path mine --provider openai --model gpt-5.4-mini",
    "themis run --config mine/experiment.yaml",
)
@click.option(
    "--path", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Created if it does not exist."
)
@click.option(
    "--provider", type=click.Choice(PROVIDERS), help="Ask a model of this provider, instead of one that is built in."
)
@click.option("--model", metavar="NAME", help="The model, by the provider's name; needs --provider.")
def init(*, path: Path, provider: str | None, model: str | None) -> None:
    """Write experiment.yaml, data/sample.jsonl and run.py into a folder, and print its path.

    They run as they are; with a provider, once its key is set or its server runs. No file is overwritten.
    """
    from themis.cli.begin.starting_files import CONFIG, STARTS, files_of, next_steps

    if model is not None and provider is None:
        raise InvalidArgumentError(argument="--model", detail=f"needs --provider, one of {', '.join(PROVIDERS)}")
    if model is not None and not model.strip():
        raise InvalidArgumentError(argument="--model", detail="is empty")
    _write(path, files_of(provider, model))
    say(str(path))
    if provider is None:
        return
    steps = next_steps(provider, model, shlex.quote(str(path / CONFIG)))
    if find_spec("anthropic" if provider == "anthropic" else "openai") is None:
        steps.insert(0, f"pip install 'themis-eval[{STARTS[provider].extra}]'")
    note_lines("Next:\n" + "\n".join(f"  {step}" for step in steps))


def _write(path: Path, files: dict[str, str]) -> None:
    """Write files into a folder.

    Raises:
        InvalidArgumentError: one is there already, or cannot be written.
    """
    present = [name for name in files if (path / name).exists()]
    if present:
        detail = f"{path} already contains {present[0]}, which is not overwritten; name another folder"
        raise InvalidArgumentError(argument="--path", detail=detail)
    try:
        for name, text in files.items():
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as out:
                out.write(text)
    except OSError as error:
        detail = f"cannot write {error.filename or path}: {error.strerror}"
        raise InvalidArgumentError(argument="--path", detail=detail) from error
