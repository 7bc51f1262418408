"""`themis model check` asks once, says what came back, and has a mend for each mistake on the way."""

import http.server
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_module import model_module
from tests.support.model_server import Answer, Behaviour, BreakOff, HangUp, ModelServer, Quota, RawBody
from tests.support.model_server.failures import (
    context_too_long,
    echoed_key,
    empty_body,
    html_page,
    out_of_quota,
    refusing,
    server_error,
    throttled,
    unknown_parameter,
)

Themis = Any
"""The fixture's class: see conftest."""

KEY = "sk-tired-0123456789abcdef0123"

CONFIG = """\
generation:
  generator:
    use: openai
    with:
      model_id: small
      base_url: {url}
      api_key: env:MY_KEY
      params:
        max_tokens: 32
        temperature: 0.5
  prompt_spec:
    instructions: Be brief.
evaluation: {{metrics: [builtin/exact_match]}}
storage: {{store: sqlite}}
datasets:
  - dataset_id: trivia
    cases:
      - {{case_id: kenya, input: The capital of Kenya?, expected_output: Nairobi}}
      - {{case_id: japan, input: The capital of Japan?, expected_output: Tokyo}}
"""


@pytest.fixture
def server() -> Iterator[ModelServer]:
    quota = Quota(requests_per_minute=600)
    with ModelServer(default=Answer("Nairobi"), api_key=KEY, models=("small",), quota=quota) as made:
        Path("model.yaml").write_text(CONFIG.format(url=made.openai_url), encoding="utf-8")
        yield made


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, themis: Themis) -> None:
    """A key in the environment; the folder is the test's own, see `themis`."""
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def check(themis: Themis, *more: str, config: str = "model.yaml") -> Any:
    return themis("model", "check", "--config", config, *more)


def problem(done: Any, code: int) -> tuple[str, str]:
    """What went wrong and its mend, which are one line on standard error too."""
    assert done.code == code, done.err
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.out + done.err
    assert KEY not in done.out + done.err
    document = json.loads(done.out)
    assert document["answered"] is False
    (found,) = document["problems"]
    assert done.err == f"themis: error: {found['problem']}; {found['mend']}\n"
    return found["problem"], found["mend"]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- what came back


def test_one_request_is_sent_as_a_run_would_send_it_and_nothing_is_stored(themis: Themis, server: ModelServer) -> None:
    found = check(themis).document
    (asked,) = server.requests
    assert asked.data == {
        "model": "small",
        "messages": [
            {"role": "user", "content": "Instructions:\nBe brief.\n\nInput:\nThe capital of Kenya?"},
        ],
        "max_tokens": 32,
        "temperature": 0.5,
    }
    assert not Path("runs").exists()
    assert found.pop("latency_ms") > 0
    assert found.pop("token_usage")["completion_tokens"] > 0
    assert found.pop("rate_limit") == {
        "requests_limit": 600.0,
        "requests_remaining": 599.0,
        "requests_reset_s": pytest.approx(60, abs=1),
    }
    assert found == {
        "answered": True,
        "generator": "generator/openai",
        "provider": f"openai:{server.openai_url}",
        "address": server.openai_url,
        "api_mode": "chat_completions",
        "keys": [{"argument": "api_key", "reference": "env:MY_KEY", "found": True}],
        "model": "small",
        "served_model": "small",
        "first_token_ms": None,
        "finish_reason": "stop",
        "answer": "Nairobi",
        "supports": {
            "parameters": ["max_tokens", "temperature"],
            "not_sent": [],
            "token_counts": True,
            "reasoning": False,
            "rate_limit_headers": True,
            "request_id": True,
            "streaming": False,
        },
        "problems": [],
    }


def test_what_a_run_sends_besides_is_sent_too(themis: Themis, server: ModelServer) -> None:
    with_seed = ("--set", "seeds=[7]", "--set", "generation.generator.with.stream=true")
    found = check(themis, *with_seed, "--set", "generation.generator.with.drop_params=[temperature]").document
    assert server.requests[0].data["seed"] == 7
    assert found["first_token_ms"] > 0
    assert found["supports"]["streaming"] is True
    assert (found["supports"]["parameters"], found["supports"]["not_sent"]) == (["max_tokens"], ["temperature"])


def test_the_prompt_of_a_run_and_its_examples_are_sent(themis: Themis, server: ModelServer) -> None:
    Path("shots.jsonl").write_text(
        '{"case_id": "fr", "input": "France?", "expected_output": "Paris"}\n', encoding="utf-8"
    )
    template = "generation.prompt={system: Be brief., template: 'Q: {{ input }}', few_shot: {path: shots.jsonl, k: 1}}"
    assert check(themis, "--set", "generation.prompt_spec=null", "--set", template).code == 0
    (asked,) = server.requests
    sent = [(message["role"], message["content"]) for message in asked.data["messages"]]
    assert [role for role, _ in sent] == ["system", "user", "assistant", "user"]
    assert (sent[0][1], sent[1][1], sent[3][1]) == ("Be brief.", "Q: France?", "Q: The capital of Kenya?")
    assert sent[2][1].strip() == "Paris"


@pytest.mark.parametrize(
    "prompt",
    ["{template: '{{ nothing }}'}", "{template: '{{ input }}', few_shot: {path: absent.jsonl, k: 1}}"],
)
def test_a_model_is_checked_though_the_first_case_cannot_be_rendered(
    prompt: str, themis: Themis, server: ModelServer
) -> None:
    done = check(themis, "--set", "generation.prompt_spec=null", "--set", f"generation.prompt={prompt}")
    assert done.code == 0
    assert server.questions[0].question == "Say OK."
    assert done.err.count("\n") == 1
    assert done.err.endswith("; so the model is asked 'Say OK.' instead\n")


def test_without_a_case_it_says_ok(themis: Themis, server: ModelServer) -> None:
    assert check(themis, "--set", "datasets=[]", "--set", "generation.prompt_spec=null").code == 0
    assert server.questions[0].question == "Say OK."


def test_the_model_that_really_answered_and_what_it_thought_are_told(themis: Themis, server: ModelServer) -> None:
    server.play(Answer("Nairobi", reasoning="Kenya, so", served_model="small-2026"))
    found = check(themis).document
    assert (found["model"], found["served_model"], found["supports"]["reasoning"]) == ("small", "small-2026", True)


def test_an_answer_that_was_cut_off_is_an_answer_with_a_remark(themis: Themis, server: ModelServer) -> None:
    server.play(Answer("Nai", finish="length"))
    done = check(themis)
    assert done.code == 0
    assert done.document["finish_reason"] == "length"
    assert done.err == "themis: the answer was cut off by its length limit; raise max_tokens in params\n"


def test_people_see_lines(themis: Themis, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = check(themis).out.splitlines()
    assert "key          env:MY_KEY found" in lines
    assert f"address      {server.openai_url}" in lines
    assert "answer       Nairobi" in lines
    assert lines[-1] == "the model answers"
    assert check(themis, "--json").document["answered"] is True


def test_any_generator_can_be_asked(themis: Themis) -> None:
    found = check(themis, config="experiment.yaml").document
    assert (found["answered"], found["generator"], found["answer"]) == (True, "builtin/demo_generator", "2")
    assert (found["provider"], found["keys"]) == (None, [])


# --- keys


def test_a_key_that_is_not_set_is_named_by_its_reference(
    themis: Themis, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY")
    done = check(themis)
    assert problem(done, 2) == (
        "the key env:MY_KEY is not set",
        "export MY_KEY=… in the shell, or the service, that this runs in",
    )
    assert json.loads(done.out)["keys"] == [{"argument": "api_key", "reference": "env:MY_KEY", "found": False}]
    assert server.requests == []


def test_the_usual_key_is_named_where_the_config_names_none(themis: Themis) -> None:
    themis.write(
        "bare.yaml", {**themis.experiment, "generation": {"generator": {"use": "openai", "with": {"model_id": "m"}}}}
    )
    done = check(themis, config="bare.yaml")
    assert problem(done, 2)[0] == "the key env:OPENAI_API_KEY is not set"
    assert json.loads(done.out)["keys"][0]["reference"] == "env:OPENAI_API_KEY"


@pytest.mark.parametrize(
    ("value", "said"),
    [("", "is set, but empty"), (f"{KEY}\n", "ends with a blank or a line break"), (f" {KEY}", "begins or ends")],
)
def test_a_key_that_cannot_be_one_is_not_sent(
    value: str, said: str, themis: Themis, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", value)
    what, mend = problem(check(themis), 2)
    assert said in what
    assert "MY_KEY" in mend
    assert server.requests == []


def test_a_wrong_key_is_refused_and_appears_nowhere(
    themis: Themis, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "sk-wrong-9876543210fedcba9876"
    monkeypatch.setenv("MY_KEY", wrong)
    done = check(themis)
    assert problem(done, 2) == (
        "the key is refused: Incorrect API key provided. (status 401)",
        "put a key of this provider into MY_KEY (model.yaml)",
    )
    assert wrong not in done.out + done.err


def test_a_key_that_the_provider_repeats_is_masked(themis: Themis, server: ModelServer) -> None:
    server.play(echoed_key)
    assert "Incorrect API key provided: [secret MY_KEY]." in problem(check(themis), 2)[0]


def test_a_server_that_wants_a_key_and_was_given_none_gets_one_named(themis: Themis, server: ModelServer) -> None:
    without = ("--set", "generation.generator.with.api_key=null")
    what, mend = problem(check(themis, *without), 2)
    assert "the key is refused" in what
    assert mend == "name a key under generation.generator.with, such as api_key: env:MY_KEY (model.yaml)"


# --- the model, its address and its parameters


def test_a_model_that_is_not_there_is_named_with_the_line_to_change(themis: Themis, server: ModelServer) -> None:
    path = Path("model.yaml")
    path.write_text(path.read_text(encoding="utf-8").replace("model_id: small", "model_id: smal"), encoding="utf-8")
    what, mend = problem(check(themis), 2)
    assert what.startswith("no model 'smal': The model 'smal' does not exist")
    assert mend == "change model_id in model.yaml:5"


def test_an_address_where_the_api_is_not_is_told(themis: Themis, server: ModelServer) -> None:
    path = Path("model.yaml")
    path.write_text(CONFIG.format(url=server.base_url), encoding="utf-8")
    what, mend = problem(check(themis), 2)
    assert what.startswith(f"nothing is at {server.base_url}: ")
    assert mend == "change base_url in model.yaml:6: it usually ends in /v1; or set api_mode"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (html_page(), "does not speak the API: a web page titled '502 Bad Gateway' instead of JSON"),
        (RawBody(b"Ollama is running"), "does not speak the API: not JSON"),
        (RawBody(b"[1, 2]"), "does not speak the API: expected a JSON object"),
    ],
)
def test_what_is_no_api_is_a_wrong_address(reply: RawBody, said: str, themis: Themis, server: ModelServer) -> None:
    server.play(reply)
    what, mend = problem(check(themis), 2)
    assert said in what
    assert "change base_url in model.yaml:6: it usually ends in /v1" in mend


def test_a_parameter_that_the_model_refuses_is_named_with_its_line(themis: Themis, server: ModelServer) -> None:
    server.play(refusing("temperature"))
    what, mend = problem(check(themis), 2)
    assert what.startswith("temperature is refused: Unsupported parameter: 'temperature'")
    assert mend == "model.yaml:10: remove temperature, or list it in drop_params"


def test_a_misspelt_parameter_of_an_override_is_named_by_its_key(themis: Themis, server: ModelServer) -> None:
    server.play(refusing("temprature", unknown_parameter))
    what, mend = problem(check(themis, "--set", "generation.generator.with.params.temprature=1"), 2)
    assert "temprature is refused: Unknown parameter: 'temprature'." in what
    assert mend.startswith(
        "generation.generator.with.params.temprature (of model.yaml, or of --set): remove temprature"
    )


def test_a_case_that_is_too_long_is_named(themis: Themis, server: ModelServer) -> None:
    server.play(context_too_long())
    assert "the input of case 'kenya' of dataset 'trivia' is refused: " in problem(check(themis), 2)[0]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("generation.generator.use", "opnai", "no component 'opnai'; did you mean \"openai\"?"),
        ("generation.generator.with.temperature", "0", "has no argument 'temperature'"),
        ("generation.generator.with.parms", "{}", "has no argument 'parms'; did you mean \"params\"?"),
        ("generation.generator.with.base_url", "localhost:8000", "base_url must be a URL"),
        ("generation.generator.with.api_mode", "chat", "api_mode must be auto, responses, chat_completions"),
    ],
)
def test_a_mistake_in_the_config_is_told_before_anything_is_sent(
    key: str, value: str, said: str, themis: Themis, server: ModelServer
) -> None:
    assert said in problem(check(themis, "--set", f"{key}={value}"), 2)[0]
    assert server.requests == []


def test_a_key_of_the_file_that_is_none_is_one_line(themis: Themis) -> None:
    themis.write("wrong.yaml", {**themis.experiment, "generaton": {}})
    done = check(themis, config="wrong.yaml")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "unknown key 'generaton'; did you mean \"generation\"?" in done.err


# --- a provider that cannot answer now


def test_where_nobody_listens_is_told(themis: Themis) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    Path("model.yaml").write_text(CONFIG.format(url=url), encoding="utf-8")
    what, mend = problem(check(themis), 4)
    assert what.startswith(f"nobody listens at {url}: ")
    assert mend == "start the server, or change base_url in model.yaml:6"


def test_a_host_without_an_address_is_told(themis: Themis) -> None:
    Path("model.yaml").write_text(CONFIG.format(url="http://no-such-host.invalid/v1"), encoding="utf-8")
    what, mend = problem(check(themis), 4)
    assert what.startswith("no host has the name in http://no-such-host.invalid/v1: ")
    assert mend == "change base_url in model.yaml:6, or go online"


def test_a_proxy_that_is_not_there_is_told(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "HTTPS_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    Path("model.yaml").write_text(CONFIG.format(url="http://models.example.test/v1"), encoding="utf-8")
    what, mend = problem(check(themis), 4)
    assert what.startswith("the proxy cannot be reached: ")
    assert mend == "correct HTTP_PROXY, or set NO_PROXY"


@pytest.mark.few(4)
@pytest.mark.parametrize(
    ("step", "said", "mend"),
    [
        (throttled(7), "the provider asks for fewer requests: Rate limit reached", "wait 7 s"),
        (throttled(), "the provider asks for fewer requests: Rate limit reached", "wait a while"),
        (throttled(status=529), "the provider asks for fewer requests: Overloaded", "wait a while"),
        (out_of_quota(), "the account's quota is used up: ", "add credit at the provider"),
        (server_error(), "no answer now: The server had an error", "try again later"),
        (HangUp(), "no answer now: ", "try again later"),
        (empty_body(), "the reply is not an answer: an empty reply", "try again"),
        (RawBody(b'{"choices": [{"mess'), "the reply is not an answer: not JSON", "try again"),
        (RawBody(b'{"id": "x"}'), "the reply is not an answer: it has no choices", "try again"),
        (Behaviour(reply=Answer("x"), latency_s=20), "no answer now: ", "try again later"),
        (Behaviour(reply=Answer("x" * 999), breaks_off=BreakOff(20, "silence")), "no answer now: ", "try again later"),
    ],
)
def test_a_provider_that_cannot_answer_now_is_told_apart(
    step: Any, said: str, mend: str, themis: Themis, server: ModelServer
) -> None:
    server.play(step)
    what, found = problem(check(themis, "--timeout", "1"), 4)
    assert said in what
    assert mend in found
    assert len(server.questions) == 1, "one request is sent, whatever comes of it"


# --- TLS


@contextmanager
def tls_server(folder: Path) -> Iterator[tuple[str, Path]]:
    """A server with a certificate that nobody has signed; yields its address and that certificate."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        " -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*made.split(), "-keyout", str(key), "-out", str(certificate)], capture_output=True, check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with http.server.HTTPServer(("127.0.0.1", 0), Replying) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}/v1", certificate
        server.shutdown()
        thread.join()


class Replying(http.server.BaseHTTPRequestHandler):
    """Answers each question of a chat."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"choices": [{"message": {"content": "Nairobi"}, "finish_reason": "stop"}]}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_certificate_that_is_not_trusted_is_told_and_its_mend_helps(
    themis: Themis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with tls_server(tmp_path) as (url, certificate):
        Path("model.yaml").write_text(CONFIG.format(url=url), encoding="utf-8")
        what, mend = problem(check(themis), 4)
        assert what.startswith(f"the certificate of {url} is not trusted: ")
        assert "set SSL_CERT_FILE to the certificates that you trust" in mend
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert check(themis).document["answer"] == "Nairobi"


def test_https_to_a_server_without_tls_is_told(themis: Themis, server: ModelServer) -> None:
    url = server.openai_url.replace("http:", "https:")
    Path("model.yaml").write_text(CONFIG.format(url=url), encoding="utf-8")
    what, mend = problem(check(themis), 2)
    assert what.startswith(f"{url} does not speak TLS: ")
    assert mend == "change base_url in model.yaml:6: http:// perhaps"


# --- a generator of one's own


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("    raise LookupError('no weights')", 2, "LookupError: no weights; correct own_of_the_check:Model"),
        ("    raise TimeoutError('too slow')", 4, "no answer now: too slow; try again later"),
    ],
)
def test_a_generator_of_ones_own_that_raises_is_told_apart_by_what_it_raises(
    body: str, code: int, said: str, themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "own_of_the_check", raising=False)
    Path("own_of_the_check.py").write_text(model_module(body), encoding="utf-8")
    themis.write("own.yaml", {**themis.experiment, "generation": {"generator": "own_of_the_check:Model"}})
    done = check(themis, config="own.yaml")
    assert done.code == code
    assert said in done.err
    assert ("Traceback" in done.err) is (code == 2), "a bug shows where it is"
