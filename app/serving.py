"""uvicorn the way this product needs it: its own socket, clients told before the end, a clean exit on SIGTERM."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from core.errors import BadSetting

_GRACE = 2
"""Seconds that running requests have after SIGTERM; then they are cancelled."""

Told = Callable[[], Awaitable[None]]


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        BadSetting: the port is taken, or the host is not ours.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise BadSetting(f"DOORBELL_HOST: {host} is not an address of this machine") from error
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise BadSetting(f"DOORBELL_PORT: cannot listen on {host}:{port}: {error.strerror}") from error
    bound.listen(2048)  # now, so that a second start is refused before it touches the database
    return bound


class Server(uvicorn.Server):
    """Serves one application. `started` and `stopping` are awaited after the start and before the connections close."""

    def __init__(self, app: Any, *, after_start: Told | None = None, before_stop: Told | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http="httptools",
                ws="auto",
                ws_per_message_deflate=False,
                log_config=None,
                log_level="warning",
                access_log=False,
                lifespan="on",
                server_header=False,
                timeout_graceful_shutdown=_GRACE,
                backlog=2048,
            )
        )
        self._after_start, self._before_stop = after_start, before_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._after_start is not None and self.started:
            await self._after_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._before_stop is not None:
            await self._before_stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT, and do not raise the signal again afterwards: an asked-for stop is exit code 0."""
        if signal.getsignal(signal.SIGTERM) is None:
            yield
            return
        try:
            before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGTERM, signal.SIGINT)}
        except ValueError:  # not the main thread: whoever started the thread stops it by `should_exit`
            yield
            return
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def serve_on(self, bound: socket.socket) -> None:
        """Serve until stopped, in an event loop of its own."""
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(self.serve(sockets=[bound]))
