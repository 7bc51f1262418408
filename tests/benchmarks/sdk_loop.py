"""The same questions as the bare loop asks, by OpenAI's SDK alone: its aiohttp transport, raw responses, no retries.

python -m tests.benchmarks.sdk_loop [--base-url URL] [--latency-ms 50] [--in-flight 100] [--count 10000]
"""

import asyncio

import httpx2
import openai

from tests.benchmarks.asking import Measured, main, measured, question

KEEPALIVE_S = 600.0


def sdk_loop(base_url: str, count: int, in_flight: int) -> Measured:
    """Ask so many questions, with so many in flight, and have each answer parsed."""
    return asyncio.run(_sdk_loop(base_url, count, in_flight))


async def _sdk_loop(base_url: str, count: int, in_flight: int) -> Measured:
    # Of the limits its transport uses two: the connections (where None would be aiohttp's 100) and how long one may be
    # idle (httpx2's 5 s). All the connections that there are, it keeps.
    limits = httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight, keepalive_expiry=KEEPALIVE_S)
    http_client = openai.DefaultAioHttpClient(limits=limits)
    async with openai.AsyncOpenAI(base_url=base_url, api_key="key", http_client=http_client, max_retries=0) as client:

        async def ask(number: int) -> None:
            raw = await client.chat.completions.with_raw_response.create(**question(number))
            _ = raw.parse().choices[0].message.content

        return await measured(ask, count, in_flight)


if __name__ == "__main__":
    main(sdk_loop, __doc__)
