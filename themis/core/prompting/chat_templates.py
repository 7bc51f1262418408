"""Chat templates: how the turns of a conversation are written as the one text that a model completes.

Which one a model was trained with cannot be seen from outside, so that a user names it. The text that begins every
prompt of some models is in none of them: a completion server adds it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.utils import Namespace

from themis.core.errors import PromptError
from themis.core.prompt_config import ChatTemplateConfig
from themis.core.prompting.template import render
from themis.core.text.nearest import nearest_hint

_WHERE = "generation.prompt.chat_template"
_MAX_BYTES = 1024 * 1024

_CHATML = """\
{% for message in messages %}
{% if message.role not in ['system', 'user', 'assistant'] %}
{{ raise_exception('chatml has no role ' ~ message.role) }}
{% endif %}
{{ '<|im_start|>' ~ message.role ~ '\n' ~ message.content ~ '<|im_end|>\n' }}
{%- endfor %}
{{ '<|im_start|>assistant\n' }}"""

_LLAMA3 = """\
{% for message in messages %}
{% if message.role not in ['system', 'user', 'assistant'] %}
{{ raise_exception('llama3 has no role ' ~ message.role) }}
{% endif %}
{{ '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' ~ message.content|trim ~ '<|eot_id|>' }}
{%- endfor %}
{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"""

# It has no system role: what the model is told stands before the first question.
_GEMMA = """\
{% set told = namespace(text='') %}
{% for message in messages %}
{% if message.role == 'system' and loop.first %}
{% set told.text = message.content|trim ~ '\n\n' %}
{% elif message.role not in ['user', 'assistant'] %}
{{ raise_exception('gemma has no role ' ~ message.role ~ ' here') }}
{% else %}
{{ '<start_of_turn>' ~ ('model' if message.role == 'assistant' else 'user') ~ '\n'
   ~ told.text ~ message.content|trim ~ '<end_of_turn>\n' }}
{%- set told.text = '' %}
{% endif %}
{% endfor %}
{{ '<start_of_turn>model\n' }}"""

CHAT_TEMPLATES: Mapping[str, str] = {"chatml": _CHATML, "gemma": _GEMMA, "llama3": _LLAMA3}
"""The templates that have a name."""


def chat_template_source(config: ChatTemplateConfig) -> str:
    """Return the template that a configuration names, or whose file it names.

    Raises:
        PromptError: there is no such name, or the file cannot be read.
    """
    if not config.is_file:
        if config.use not in CHAT_TEMPLATES:
            known = f"there are {', '.join(CHAT_TEMPLATES)}; a file is written as ./chat.jinja"
            _refuse(f"there is no template {config.use!r}{nearest_hint(config.use, CHAT_TEMPLATES, then=known)}")
        return CHAT_TEMPLATES[config.use]
    path = Path(config.use).expanduser()
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            _refuse(f"{path} is larger than {_MAX_BYTES // 2**20} MiB")
        return data.decode()
    except OSError as error:
        _refuse(f"{path} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        _refuse(f"{path} is not UTF-8 text")


def as_one_text(turns: list[dict[str, Any]], source: str, values: Mapping[str, str]) -> str:
    """Return turns as the text that a model completes with its answer.

    Raises:
        PromptError: the template cannot be rendered; a turn is more than a text, or the last one is the model's own.
    """
    if any(not isinstance(turn.get("content"), str) for turn in turns):
        _refuse("it takes texts, and a turn holds something else: a completion endpoint is sent one text")
    if turns[-1]["role"] == "assistant":
        _refuse("the last turn is the model's own, so that there is nothing to answer")
    known = {"messages": turns, "add_generation_prompt": True, "raise_exception": _raise, "namespace": Namespace}
    return render(source, {**values, **known}, _WHERE)


def _raise(reason: object) -> NoReturn:
    raise TemplateError(str(reason))


def _refuse(detail: str) -> NoReturn:
    raise PromptError(where=_WHERE, detail=detail)
