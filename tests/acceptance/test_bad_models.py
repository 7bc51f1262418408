"""A model that cannot be asked: `themis run` and `themis model check` say in one line what is wrong and what to do.

What can be known before anything is sent is told before anything is sent.
"""

import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.support.model_server import Answer, ModelServer
from tests.support.model_server.failures import context_too_long, invalid_image, refusing
from tests.support.model_server.script import Step

Themis = Any
"""The fixture's class: see conftest."""

KEY = "sk-tired-0123456789abcdef0123"
WRONG_KEY = "sk-wrong-9876543210fedcba9876"
NOBODY = "http://127.0.0.1:9"  # the port of a service that throws all away, and runs nowhere any more
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

CONFIG = """\
generation:
  generator:
    use: {use}
    with:
      model_id: {model}
      base_url: {url}
      api_key: env:MY_KEY
      params:
        max_tokens: 32
        temperature: 0.5
evaluation: {{metrics: [builtin/exact_match]}}
storage: {{store: memory}}
runtime: {{generation_retry_delay: 0.001}}
datasets:
  - dataset_id: trivia
    cases:
      - {{case_id: kenya, input: {value}, expected_output: Nairobi}}
"""
PICTURE = "[{role: user, content: [{type: text, text: What?}, {type: image_url, image_url: {url: pictures/cat.png}}]}]"


@dataclass(frozen=True)
class Fault:
    """A mistake, or a provider that cannot be asked.

    Attributes:
        run, check: words of the lines of `themis run` and of `themis model check`, in their order.
        codes: the exit codes of both.
        requests: that each of both sends.
        key: in the environment; None for none.
        model, url, value: in the config; `{url}` stands for the server's own.
        step: what the server does.
        environment: more variables.
    """

    run: tuple[str, ...]
    check: tuple[str, ...]
    codes: tuple[int, int] = (3, 2)
    requests: int = 1
    key: str | None = KEY
    model: str = "small"
    url: str = "{url}"
    value: str = "The capital of Kenya?"
    step: Step = None
    environment: dict[str, str] = field(default_factory=dict)


FAULTS = {
    "no key": Fault(
        ("generation.generator: the secret MY_KEY is not set; set it in the environment",),
        ("the key env:MY_KEY is not set; export MY_KEY=…",),
        (2, 2), 0, key=None,
    ),
    "an empty key": Fault(
        ("generation.generator", "api_key is empty: set the secret that it refers to, or leave api_key out"),
        ("the key env:MY_KEY is set, but empty; give MY_KEY a value",),
        (2, 2), 0, key="",
    ),
    "a key with a line break": Fault(
        ("api_key begins or ends with a blank or a line break: set the secret that it refers to again",),
        ("the key env:MY_KEY begins or ends with a blank or a line break; set MY_KEY again, without it",),
        (2, 2), 0, key=f"{KEY}\n",
    ),
    "a wrong key": Fault(
        ("refuses the API key: Incorrect API key provided.", "; check the key that api_key of the generator refers to"),
        ("the key is refused: Incorrect API key provided.", "; put a key of this provider into MY_KEY (model.yaml)"),
        key=WRONG_KEY,
    ),
    "an unknown model": Fault(
        ("The model 'smal' does not exist", "; check model_id and base_url of the generator"),
        ("no model 'smal': ", "; change model_id in model.yaml:5"),
        model="smal",
    ),
    "an address without the API": Fault(
        ("{url}/wrong: has no such model or address: Not Found (status 404); check model_id and base_url",),
        ("nothing is at {url}/wrong: Not Found (status 404); change base_url in model.yaml:6",),
        url="{url}/wrong",
    ),
    "an address where nobody listens": Fault(
        (f"{NOBODY}: cannot be reached: nobody listens there (", "); start the server, or correct base_url"),
        (f"nobody listens at {NOBODY}: ", "; start the server, or change base_url in model.yaml:6"),
        (3, 4), 0, url=NOBODY,
    ),
    "a host that does not exist": Fault(
        ("cannot be reached: no host has this name (", "); correct base_url, or go online"),
        ("no host has the name in http://no-such-host.invalid: ", "; change base_url in model.yaml:6, or go online"),
        (3, 4), 0, url="http://no-such-host.invalid",
    ),
    "a proxy that does not answer": Fault(
        ("cannot be reached: the proxy does not answer (", "); correct HTTP_PROXY or HTTPS_PROXY, or set NO_PROXY"),
        ("the proxy cannot be reached: ", "; correct HTTP_PROXY, or set NO_PROXY"),
        (3, 4), 0, url="http://models.example.test", environment={"HTTP_PROXY": NOBODY},
    ),
    "a parameter that is refused": Fault(
        ("the run stopped: model.yaml:10: ", "does not accept generation.generator.with.params.temperature: Unsupp",
         "; remove it, or list 'temperature' in drop_params"),
        ("temperature is refused: Unsupported parameter", "; model.yaml:10: remove temperature, or list it in drop"),
        (2, 2), step=refusing("temperature"),
    ),
    "a context that is too long": Fault(
        ("refuses the input of this case: This model's maximum context length is 8192 tokens.",),
        ("the input of case 'kenya' of dataset 'trivia' is refused: This model's maximum context length",
         "; change that case, or the prompt around it"),
        step=context_too_long(),
    ),
    "an image that cannot be read": Fault(
        ("refuses the input of this case: You uploaded an unsupported image.",),
        ("the input of case 'kenya' of dataset 'trivia' is refused: You uploaded an unsupported image.",),
        step=invalid_image(),
    ),
    "an image that is not there": Fault(
        ("the input of this case cannot be sent: the image 'pictures/cat.png' is a path, which no provider can read",
         "; write its URL, or data:image/png;base64,…"),
        ("the input of case 'kenya' of dataset 'trivia' cannot be sent: the image 'pictures/cat.png' is a path",),
        requests=0, value=PICTURE,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(default=Answer("Nairobi"), api_key=KEY, models=("small",)) as made:
        yield made


@pytest.fixture
def set_key(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    def change(key: str | None) -> None:
        if key is None:
            monkeypatch.delenv("MY_KEY", raising=False)
        else:
            monkeypatch.setenv("MY_KEY", key)

    for name in (*PROXIES, *map(str.lower, PROXIES), "SSL_CERT_FILE", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return change


def check_line(line: str, words: tuple[str, ...], url: str) -> None:
    """One line, with these words in this order and no key."""
    assert line.startswith("themis: ")
    assert line.count("\n") == 1
    assert KEY not in line
    assert WRONG_KEY not in line
    rest = line
    for word in words:
        _, found, rest = rest.partition(word.replace("{url}", url))
        assert found, f"{word!r} is not in {line!r}"


@pytest.mark.few(9)
@pytest.mark.parametrize("use", ["openai", "anthropic"])
@pytest.mark.parametrize("name", FAULTS)
def test_both_commands_say_in_a_line_what_is_wrong(
    name: str,
    use: str,
    themis: Themis,
    server: ModelServer,
    set_key: Callable[[str | None], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fault = FAULTS[name]
    set_key(fault.key)
    for variable, value in fault.environment.items():
        monkeypatch.setenv(variable, value)
    url = server.openai_url if use == "openai" else server.anthropic_url
    written = CONFIG.format(use=use, model=fault.model, url=fault.url.format(url=url), value=fault.value)
    Path("model.yaml").write_text(written, encoding="utf-8")
    for command, code, words in (
        (("run", "--quiet"), fault.codes[0], fault.run),
        (("model", "check"), fault.codes[1], fault.check),
    ):
        before = len(server.requests)
        if fault.step is not None:
            server.play(fault.step)
        done = themis(*command, "--config", "model.yaml")
        assert done.code == code, done.err
        assert len(server.requests) == before + fault.requests
        check_line(done.err, words, url)


@contextmanager
def tls_server(folder: Path) -> Iterator[str]:
    """A server with a certificate that nobody has signed; yields its address."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run([*made.split(), "-keyout", str(key), "-out", str(certificate)], capture_output=True, check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_certificate_that_is_not_trusted_and_a_server_without_tls(
    themis: Themis, server: ModelServer, set_key: Callable[[str | None], None], tmp_path: Path
) -> None:
    def both(url: str, of_run: tuple[str, ...], of_check: tuple[str, ...], code: int) -> None:
        written = CONFIG.format(use="openai", model="small", url=url, value="Hello?")
        Path("model.yaml").write_text(written, encoding="utf-8")
        ran, checked = (themis(*words, "--config", "model.yaml") for words in (("run", "--quiet"), ("model", "check")))
        assert (ran.code, checked.code) == (3, code)
        check_line(ran.err, of_run, url)
        check_line(checked.err, of_check, url)

    set_key(KEY)
    with tls_server(tmp_path) as url:
        of_run = ("cannot be reached: its certificate is not trusted (", "); set SSL_CERT_FILE to the certificates")
        both(url, of_run, ("the certificate of {url} is not trusted: ", "; set SSL_CERT_FILE to"), 4)
    of_run = ("cannot be reached: it does not speak TLS (", "); write http:// in base_url, perhaps")
    both(
        server.openai_url.replace("http:", "https:"),
        of_run,
        ("{url} does not speak TLS: ", "; change base_url in model.yaml:6: http:// perhaps"),
        2,
    )
