"""The supervisor and the command line, as real processes."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from app import serving, supervisor
from app.__main__ import main
from app.supervisor import Supervisor
from core import passwords
from core.db import Database
from core.db.tables import User
from core.errors import BadSetting
from tests.webs import request

ROOT = Path(__file__).resolve().parents[2]


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOORBELL_")}
    return {**kept, "DOORBELL_DATA_DIR": str(tmp_path / "data"), **more}


def run(tmp_path: Path, *arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env=environment(tmp_path, **more),
        input=stdin,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def product(tmp_path: Path, *arguments: str, **more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python -m app` until the block ends, and its address; it is up when it has said where it is."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env=environment(tmp_path, DOORBELL_PORT=str(port), **more),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        greeting = process.stdout.readline()
        assert greeting == f"Doorbell is at http://127.0.0.1:{port}\n"
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_pauses_between_starts_grow_to_half_a_minute() -> None:
    assert [supervisor.pause_before(crashes) for crashes in (1, 2, 3, 7, 8, 50)] == [0.25, 0.5, 1, 16, 30, 30]


def test_a_crashed_child_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_PAUSE", 0.01)
    read, write = os.pipe()
    os.set_inheritable(write, True)
    second = threading.Event()

    def watch() -> None:
        os.read(read, 1)
        os.read(read, 1)
        second.set()

    threading.Thread(target=watch, daemon=True).start()
    path = f"/proc/{os.getpid()}/fd/{write}"
    script = f"import os,sys; f=os.open({path!r}, os.O_WRONLY); os.write(f, b'x'); sys.exit(3)"
    supervised = Supervisor(["-c", script])
    supervised.start()
    assert second.wait(20)
    supervised.stop()
    assert supervised.pid is None
    os.close(read)
    os.close(write)


def test_a_child_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(supervisor, "_GRACE", 0.2)
    fifo = tmp_path / "up"
    os.mkfifo(fifo)
    script = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({str(fifo)!r}, 'w').close(); signal.pause()"
    supervised = Supervisor(["-c", script])
    supervised.start()
    fifo.read_bytes()
    pid = supervised.pid
    assert pid
    supervised.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_taken_port_is_one_clear_line() -> None:
    bound = serving.bind("127.0.0.1", 0)
    port = bound.getsockname()[1]
    with pytest.raises(BadSetting, match=f"DOORBELL_PORT: cannot listen on 127.0.0.1:{port}: Address already in use"):
        serving.bind("127.0.0.1", port)
    bound.close()


def test_a_half_set_channel_is_one_clear_line_of_the_start(tmp_path: Path) -> None:
    half = {"DOORBELL_TWILIO_FROM": "+15125550100", "DOORBELL_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    ended = run(tmp_path, "--no-jobs", "--role", "api", DOORBELL_PORT=str(free_port()), **half)
    said = ended.stderr.splitlines()[0]
    assert said.startswith("doorbell: DOORBELL_TWILIO_ACCOUNT_SID and DOORBELL_TWILIO_AUTH_TOKEN: missing")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"DOORBELL_PORT": "many"}, "DOORBELL_PORT"),
        ({"DOORBELL_DATABASE_URL": "postgresql://127.0.0.1:1/none"}, "DOORBELL_DATABASE_URL"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path: Path, more: dict[str, str], named: str) -> None:
    more = {"DOORBELL_PORT": str(free_port()), **more}
    ended = run(tmp_path, "--no-jobs", "--role", "api", **more)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert named in ended.stderr


@pytest.mark.parametrize(
    ("named", "wrong"),
    [
        ("DOORBELL_TIMEZONE", "Mars/Base"),
        ("DOORBELL_TIMEZONE", "../etc/passwd"),
        ("DOORBELL_PUBLIC_URL", "doorbell.example"),
        ("DOORBELL_PUBLIC_URL", "https://[x"),
        ("DOORBELL_MAIL_FROM", "nobody"),
        ("DOORBELL_MAIL_FROM", "A <a@b.example>\nBcc: c@d.example"),
        ("DOORBELL_DEMO", "big"),
        ("DOORBELL_DATABASE_URL", "mysql://x"),
        ("DOORBELL_SECRET_KEY", "short"),
    ],
)
def test_each_wrong_setting_is_named(
    named: str, wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(named, wrong)
    assert main(["--no-jobs"]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert named in told


def test_the_first_admin_is_made_at_the_command_line(tmp_path: Path) -> None:
    made = run(tmp_path, "create-admin", "--email", "Ann@Example.com", "--name", "Ann", stdin="a long password\n")
    assert made.returncode == 0, made.stderr
    database = Database(f"sqlite:///{tmp_path / 'data' / 'doorbell.db'}")
    with database.read() as session:
        [user] = session.query(User).all()
    database.dispose()
    assert (user.email, user.role) == ("ann@example.com", "admin")
    assert passwords.verify(user.password_hash, "a long password")
    again = run(tmp_path, "create-admin", "--email", "ann@example.com", "--name", "Ann", stdin="a long password\n")
    assert (again.returncode, again.stderr) == (1, "doorbell: this e-mail address has an account\n")
    short = run(tmp_path, "create-admin", "--email", "bob@example.com", "--name", "Bob", stdin="short\n")
    assert short.returncode == 1


def test_sigterm_ends_both_processes_cleanly_and_soon(tmp_path: Path) -> None:
    with product(tmp_path, "--role", "api") as (process, url):
        assert request("GET", f"{url}/health").json()["status"] == "ok"
        [jobs] = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not jobs.is_running()


def test_a_killed_web_process_takes_its_jobs_process_with_it(tmp_path: Path) -> None:
    with product(tmp_path, "--role", "api") as (process, _url):
        [jobs] = psutil.Process(process.pid).children()
        process.kill()
        jobs.wait(60)
        assert not jobs.is_running()
