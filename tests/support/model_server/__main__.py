"""The scripted server as a program: one line of JSON with its `base_url`, and then it serves until SIGTERM."""

import argparse
import asyncio
import json
import signal
from importlib import import_module

from tests.support.model_server.quota import Quota
from tests.support.model_server.script import Script
from tests.support.model_server.server import listening, url_of
from tests.support.model_server.service import Service, Settings


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="any that is free when it is left out")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--requests-per-minute", type=int)
    parser.add_argument("--tokens-per-minute", type=int)
    parser.add_argument("--max-concurrent", type=int)
    parser.add_argument("--window-s", type=float, default=60.0, help="of the quota")
    parser.add_argument("--api-key", help="the only one that is accepted")
    parser.add_argument("--batch-s", type=float, default=0.0, help="the time that a batch takes")
    parser.add_argument("--script", metavar="MODULE:NAME", help="a list of steps, or a function of a request")
    parser.add_argument("--bare", action="store_true", help="as quick as it can: no content kept, no private headers")
    return parser.parse_args()


def service(chosen: argparse.Namespace) -> Service:
    """The service that was asked for."""
    module, _, name = (chosen.script or "").partition(":")
    script = Script(getattr(import_module(module), name)) if module else Script()
    quota = Quota(
        requests_per_minute=chosen.requests_per_minute,
        tokens_per_minute=chosen.tokens_per_minute,
        max_concurrent=chosen.max_concurrent,
        window_s=chosen.window_s,
    )
    settings = Settings(
        latency_s=chosen.latency_ms / 1000,
        quota=None if quota == Quota(window_s=chosen.window_s) else quota,
        api_key=chosen.api_key,
        batch_s=chosen.batch_s,
        keeps_content=not chosen.bare,
        private_headers=not chosen.bare,
    )
    return Service(script, settings)


async def serve(chosen: argparse.Namespace) -> None:
    """Serve until a signal comes."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = await listening(service(chosen), chosen.port)
    print(json.dumps({"base_url": url_of(runner), "openai_url": f"{url_of(runner)}/v1"}), flush=True)  # noqa: T201
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(arguments()))
