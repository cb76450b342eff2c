"""Long work in parts, each a transaction of its own: told line by line to who asks for lines, as one answer to everybody else."""

from collections.abc import Callable, Iterator
from typing import Annotated

from fastapi import Header, Response
from starlette.responses import StreamingResponse

from app.api.deps import Camel
from core.errors import DoorbellError

LINES = "application/x-ndjson"
Accept = Annotated[str | None, Header()]


class Progress(Camel):
    """One line, after each part."""

    done: int
    failed: int
    total: int


def answer(parts: Iterator[Progress], whole: Callable[[], Camel], *, accept: str | None) -> Camel | Response:
    """Do the parts. What is wrong with all of it shows in the first part and is an ordinary error; what was done stays done.

    Args:
        parts: does the next one each time it is asked.
        whole: what came of all that were done.
    """
    first = next(parts)
    if LINES not in (accept or ""):
        for _ in parts:
            pass
        return whole()

    def lines() -> Iterator[str]:
        yield first.model_dump_json(by_alias=True) + "\n"
        try:
            for one in parts:
                yield one.model_dump_json(by_alias=True) + "\n"
        except DoorbellError as error:  # the rest was not done, and whoever reads must not take it for done
            yield Broken(error=error.detail).model_dump_json(by_alias=True) + "\n"
        yield whole().model_dump_json(by_alias=True) + "\n"

    return StreamingResponse(lines(), media_type=LINES)


class Broken(Camel):
    error: str
    """Why the parts after the last line were not done."""
