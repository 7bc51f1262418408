"""The yardstick of the generators: a loop of nothing but aiohttp that posts the bodies of chat completions.

python -m tests.benchmarks.bare_loop [--base-url URL] [--latency-ms 50] [--in-flight 100] [--count 10000]
"""

import asyncio
import json

import aiohttp

from tests.benchmarks.asking import Measured, main, measured, question


def bare_loop(base_url: str, count: int, in_flight: int) -> Measured:
    """Post so many questions, with so many in flight, and read each answer as JSON."""
    return asyncio.run(_bare_loop(base_url, count, in_flight))


async def _bare_loop(base_url: str, count: int, in_flight: int) -> Measured:
    url, headers = f"{base_url}/chat/completions", {"content-type": "application/json", "authorization": "Bearer key"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def ask(number: int) -> None:
            body = json.dumps(question(number)).encode()
            async with session.post(url, data=body) as reply:
                reply.raise_for_status()
                _ = json.loads(await reply.read())["choices"][0]["message"]["content"]

        return await measured(ask, count, in_flight)


if __name__ == "__main__":
    main(bare_loop, __doc__)
