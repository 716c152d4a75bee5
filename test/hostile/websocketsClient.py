"""Plays the sequences that come on its standard input with the client of python3-websockets."""

import asyncio
import json
import ssl
import sys

import websockets


async def play(url, sequence):
    context = None
    if url.startswith("wss:"):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    socket = await websockets.connect(url, ssl=context)
    await socket.recv()
    pongs = []
    answers = []
    for message in sequence["messages"]:
        fragments, ping = message["fragments"], message.get("ping")

        async def parts():
            for index, part in enumerate(fragments):
                if index > 0 and ping is not None:
                    pongs.append(await socket.ping(f"{ping}{len(pongs)}"))
                yield part

        # An iterable goes out as fragments, a text as one frame.
        await socket.send(parts() if len(fragments) > 1 else fragments[0])
        answers.append(await socket.recv())
    for pong in pongs:
        await pong
    await socket.close(code=sequence["close"])
    return {
        "title": sequence["title"],
        "answers": answers,
        "pongs": len(pongs),
        "close": socket.close_code,
    }


async def main():
    sequences = json.load(sys.stdin)
    print(json.dumps([await play(sys.argv[1], sequence) for sequence in sequences]))


asyncio.run(main())
