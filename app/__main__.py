"""`python -m app`: the web process, which also keeps the jobs process running; and the command line beside it."""

import argparse
import asyncio
import gc
import getpass
import os
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from app import demo_sign_in, runtime, serving
from app.runtime import Runtime
from app.supervisor import Supervisor
from core import log
from core.db.migrate import upgrade
from core.errors import BadSetting, DoorbellError
from core.settings import Settings, load
from core.words import Role

if TYPE_CHECKING:
    from app.server import Role as WebRole
    from app.server import Web

_WRONG_SETTING = 2


def main(arguments: Sequence[str]) -> int:
    """Run a command; the process's exit code."""
    if arguments[:1] == ["replay"]:
        from app.replay import main as replay  # noqa: PLC0415  its progress bar and CSV reader are not the server's business

        return replay(list(arguments[1:]))
    options = _parser().parse_args(arguments)
    try:
        settings = load()
        log.configure(level=settings.log_level, json=settings.log_format == "json")
        if options.command == "create-admin":
            return _create_admin(settings, email=options.email, name=options.name)
        return _serve(settings, role=options.role, with_jobs=not options.no_jobs)
    except DoorbellError as error:
        _complain(error.detail)
        return _WRONG_SETTING if isinstance(error, BadSetting) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description="Doorbell: the web process and its commands.")
    parser.add_argument("--role", choices=("all", "ui", "api"), default="all", help="what this web process serves")
    parser.add_argument("--no-jobs", action="store_true", help="do not start the jobs process (python -m jobs)")
    commands = parser.add_subparsers(dest="command")
    admin = commands.add_parser("create-admin", help="make an account that may do everything")
    admin.add_argument("--email", required=True)
    admin.add_argument("--name", required=True)
    commands.add_parser("replay", help="post a recorded stream of events; see docs/replay.md")
    return parser


def _serve(settings: Settings, *, role: "WebRole", with_jobs: bool) -> int:
    for doubt in settings.doubts:
        _complain(doubt.line)
    bound = serving.bind(settings.host, settings.port)
    made = runtime.make(settings)
    _migrate(made)
    more = {"DOORBELL_DEMO_PASSWORD": demo_sign_in.password(settings)} if settings.demo != "off" else {}
    jobs = Supervisor(["-m", "app.child", str(os.getpid()), "jobs"], more=more) if with_jobs else None
    if jobs is not None:
        jobs.start()  # before the heavy imports below: the two start side by side
    gc.disable()  # what is loaded now stays: to walk it again and again took a fifth of the start. Web goes on with it.
    try:
        from app.server import Web  # noqa: PLC0415  Streamlit, pandas and plotly: 2 s that a wrong setting need not wait

        web = Web(made, role=role)
        server = serving.Server(web.app, after_start=lambda: _greet(made), before_stop=lambda: _before_stop(web, jobs))
        server.serve_on(bound)
        return 0 if server.started else 1
    finally:
        gc.enable()
        if jobs is not None:
            jobs.stop()
        made.database.dispose()


async def _before_stop(web: "Web", jobs: Supervisor | None) -> None:
    """Both processes stop at the same time: together they have five seconds."""
    if jobs is not None:
        threading.Thread(target=jobs.stop, name="stop-jobs").start()
    await web.stopping()


async def _greet(made: Runtime) -> None:
    settings = made.settings
    lines = [f"Doorbell is at {settings.origin}"]
    if settings.demo != "off":
        wanted = demo_sign_in.password(settings)
        await asyncio.to_thread(demo_sign_in.bring_up_to_date, made.database, wanted, now=made.clock.now())
        lines += [f"  sign in as {', '.join(demo_sign_in.EMAILS)}", f"  password   {wanted}"]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _migrate(made: Runtime) -> None:
    try:
        upgrade(made.database)
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0] if error.orig else "no connection"
        raise BadSetting(f"DOORBELL_DATABASE_URL: cannot use the database: {reason}") from error


def _create_admin(settings: Settings, *, email: str, name: str) -> int:
    from app.security import accounts  # noqa: PLC0415  only this command needs it here

    made = runtime.make(settings)
    try:
        _migrate(made)
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        with made.database.write() as session:
            accounts.create(
                session,
                email=email,
                name=name,
                role=Role.ADMIN,
                password=password,
                timezone=settings.timezone,
                actor_id=None,
                now=made.clock.now(),
            )
    finally:
        made.database.dispose()
    sys.stdout.write(f"{email.strip().lower()} may sign in at {settings.origin}\n")
    return 0


def _complain(line: str) -> None:
    sys.stderr.write(f"doorbell: {line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
