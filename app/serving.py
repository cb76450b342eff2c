"""uvicorn the way this product needs it: its own socket, clients told before the end, a clean exit on SIGTERM."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
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

    _wake: Callable[[], object] | None = None
    _asked = False

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

    @property
    def should_exit(self) -> bool:
        """Set it to stop the server, from any thread or signal handler."""
        return self._asked

    @should_exit.setter
    def should_exit(self, asked: bool) -> None:
        self._asked = asked
        if asked and self._wake is not None:
            self._wake()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._after_start is not None and self.started:
            await self._after_start()

    async def main_loop(self) -> None:
        """Until asked to stop, which is heard at once: uvicorn's own looks ten times a second."""
        asked = asyncio.Event()
        self._wake = partial(asyncio.get_running_loop().call_soon_threadsafe, asked.set)
        while not await self.on_tick(0):  # the date in the headers, once a second
            with suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), 1)
        self._wake = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's own, without its pauses of 100 ms: what is idle closes at once."""
        if self._before_stop is not None:
            await self._before_stop()
        for server in self.servers:
            server.close()
        for bound in sockets or []:
            bound.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            await asyncio.wait_for(self._wait_tasks_to_complete(), self.config.timeout_graceful_shutdown)
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()
        if not self.force_exit:
            await self.lifespan.shutdown()

    async def _wait_tasks_to_complete(self) -> None:
        while (self.server_state.connections or self.server_state.tasks) and not self.force_exit:  # noqa: ASYNC110  uvicorn tells nobody when they end
            await asyncio.sleep(0.005)
        for server in self.servers:
            await server.wait_closed()

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
