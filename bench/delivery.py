"""Delivery: kill -9 in every state of a message, a hundred thousand queued, how soon a mail is out, and processes that share.

All with whole jobs processes and a real SMTP server on loopback that takes its time, so that kills find messages at each step.
"""

import asyncio
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from statistics import quantiles
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as Talk
from sqlalchemy import create_engine, func, insert, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from bench.nursery import nursery
from core import delivery
from core.clock import SystemClock
from core.db import Database
from core.db.migrate import upgrade
from core.db.tables import Attempt, Delivery
from core.delivery import Kind, Notice, preferences
from core.ids import new_id
from core.words import DeliveryState, Priority
from tests import factories
from tests.mail import free_port
from tests.processes import KEY

KILLS = 200
QUEUED = 100_000
DRAIN_SECONDS = 60.0
SAMPLES = 60
SHARED = 1_500
_AGENTS = 40
_A_TURN = 5
"""Messages that become due between two kills."""
_PATIENCE = 60.0
"""Seconds without any progress after which it has not settled."""
_OPEN = (DeliveryState.QUEUED, DeliveryState.LEASED)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the mail server knew of at an instant."""

    accepted: set[str]
    within: set[str]
    before: int
    """Connections that have named a recipient and sent no mail yet."""


@dataclass
class Post:
    """A mail server that says where each message is, and takes so many seconds for each of three steps."""

    port: int = field(default_factory=free_port)
    slow: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Before a recipient is accepted; before a mail is; and before its acceptance is said."""
    came: "defaultdict[str, list[float]]" = field(default_factory=lambda: defaultdict(list))
    """Key to the times it was accepted."""
    subjects: "defaultdict[str, set[str]]" = field(default_factory=lambda: defaultdict(set))
    steps: Counter[str] = field(default_factory=Counter)
    """Step to the messages that are in it."""
    within: set[str] = field(default_factory=set)
    """Keys being handed over, not accepted yet."""

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def seen(self) -> "Seen":
        return Seen(
            accepted={key for key, times in list(self.came.items()) if times},
            within=set(self.within),
            before=self.steps["recipient"],
        )

    def twice(self) -> int:
        return sum(max(len(times) - 1, 0) for times in self.came.values())

    async def handle_RCPT(self, server: SMTP, talk: Talk, envelope: Envelope, address: str, options: list[str]) -> str:
        self.steps["recipient"] += 1
        try:
            await asyncio.sleep(self.slow[0])
        finally:  # whoever was talking to us may be gone
            self.steps["recipient"] -= 1
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, talk: Talk, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        key = str(mail["X-Doorbell-Idempotency-Key"])
        self.within.add(key)
        try:
            await asyncio.sleep(self.slow[1])
        finally:
            self.within.discard(key)
        self.came[key].append(time.time())
        self.subjects[key].add(str(mail["Subject"]))
        await asyncio.sleep(self.slow[2])
        return "250 OK"


@contextmanager
def posting(post: Post) -> Iterator[Post]:
    controller = Controller(post, hostname="127.0.0.1", port=post.port)
    controller.start()
    try:
        yield post
    finally:
        controller.stop()


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """What was found when everything had come to rest."""

    kills: int
    messages: int
    mails: int
    twice: int
    hit: dict[str, int]
    """State to the messages that a kill found in it."""
    seconds: float
    broken: tuple[str, ...]
    """Every promise that was not kept, in words. Empty is the goal."""


def run(scratch: Path, postgres_url: str) -> dict[str, Any]:
    """Both databases."""
    found: dict[str, Any] = {}
    for name, url in (("sqlite", f"sqlite:///{scratch}/{{}}.db"), ("postgresql", "")):

        def place(what: str, url: str = url) -> str:
            return url.format(what) if url else fresh(postgres_url, f"bench_delivery_{what}")

        after = drill(scratch, place("kills"), kills=KILLS)
        if after.broken:
            raise AssertionError("; ".join(after.broken))
        found[name] = {
            "kills": {
                "kills": after.kills,
                "messages": after.messages,
                "mails": after.mails,
                "twice_after_a_crash": after.twice,
                "broken_promises": 0,
                "seconds": after.seconds,
                **{f"found_{state}": count for state, count in sorted(after.hit.items())},
            },
            "drain": drain(scratch, place("drain"), per_second=2_000),
            "paced": drain(scratch, place("paced"), per_second=20, queued=5_000, seconds=30),
            "latency": latency(scratch, place("latency")),
        }
    found["postgresql"]["shared"] = {
        f"{count}_processes": share(scratch, fresh(postgres_url, f"bench_delivery_share_{count}"), processes=count)
        for count in (1, 2, 4)
    }
    return found


def drill(folder: Path, database_url: str, *, kills: int, seed: int = 5) -> Aftermath:
    """Queue messages while killing whoever sends them, let everything settle, and look."""
    dice, started = random.Random(seed), time.monotonic()
    database = prepared(database_url)
    hit: Counter[str] = Counter()
    with posting(Post(slow=(0.01, 0.02, 0.02))) as post, nursery(folder, environment(folder, database, post)) as house:
        for number in range(kills):
            _queue(database, dice, number)
            before, pid = sum(map(len, post.came.values())), house.start()
            if dice.random() < 0.85:  # else it may die while it begins
                wanted, until = before + dice.randrange(1, 2 * _A_TURN + 3), time.monotonic() + 5
                while sum(map(len, post.came.values())) < wanted and time.monotonic() < until:
                    time.sleep(0.004)
            time.sleep(dice.uniform(0.0, 0.15))
            seen = post.seen()
            house.kill(pid)
            hit.update(_found(database, seen, pid))
        _let_go(database)
        house.start()
        settled = settle(database)
        broken = _broken(database, post) if settled else ("it did not settle",)
    with database.read() as session:
        messages = session.scalar(select(func.count()).select_from(Delivery).where(Delivery.channel == "email")) or 0
    database.dispose()
    return Aftermath(
        kills=kills,
        messages=messages,
        mails=sum(map(len, post.came.values())),
        twice=post.twice(),
        hit=dict(hit),
        seconds=time.monotonic() - started,
        broken=broken,
    )


def drain(
    folder: Path, database_url: str, *, per_second: float, queued: int = QUEUED, seconds: float = DRAIN_SECONDS
) -> dict[str, Any]:
    """How fast a long queue goes out under a pace, and what memory that takes over time."""
    database = prepared(database_url)
    fill(database, queued)
    memory: list[float] = []
    with posting(Post()) as post, nursery(folder, environment(folder, database, post, pace=per_second)) as house:
        pid = house.start()
        _until(lambda: len(post.came) > 20)
        begun, first, used = time.monotonic(), len(post.came), house.processor(pid)
        while time.monotonic() < begun + seconds and len(post.came) < queued:
            time.sleep(1.0)
            memory.append(house.memory(pid))
        took, sent, worked = time.monotonic() - begun, len(post.came) - first, house.processor(pid) - used
    database.dispose()
    tenth = max(1, len(memory) // 10)
    return {
        "queued": queued,
        "allowed_per_s": per_second,
        "sent": sent,
        "per_s": sent / took,
        "processor_ms_each": worked / sent * 1000,
        "megabytes_first": sum(memory[:tenth]) / tenth,
        "megabytes_last": sum(memory[-tenth:]) / tenth,
        "megabytes_over_time": [round(one) for one in memory[:: max(1, len(memory) // 8)]],
        "twice": post.twice(),
        "load_of_the_machine": os.getloadavg()[0],
    }


def latency(folder: Path, database_url: str, *, samples: int = SAMPLES) -> dict[str, float]:
    """Milliseconds from the commit that queued a message to the server's acceptance, nothing else to do."""
    database = prepared(database_url)
    taken = []
    with posting(Post()) as post, nursery(folder, environment(folder, database, post)) as house:
        house.start()
        for number in range(samples + 5):
            with database.write() as session:
                _tell(session, f"agent-{number % _AGENTS}", Priority.CRITICAL)
            committed, came = time.time(), len(post.came)
            _until(lambda came=came: len(post.came) > came)
            if number >= 5:  # the first ones wait for the process to begin
                taken.append((max(times[-1] for times in post.came.values()) - committed) * 1000)
            time.sleep(0.15)
    database.dispose()
    cuts = quantiles(taken, n=20)
    return {"p50_ms": cuts[9], "p95_ms": cuts[18], "load_of_the_machine": os.getloadavg()[0]}


def share(folder: Path, database_url: str, *, processes: int, messages: int = SHARED) -> dict[str, Any]:
    """Several processes on one queue: how fast, and whether anything went out twice."""
    database = prepared(database_url)
    fill(database, messages)
    with posting(Post()) as post, nursery(folder, environment(folder, database, post)) as house:
        for _ in range(processes):
            house.start()
        _until(lambda: len(post.came) > 20)
        begun, first = time.monotonic(), len(post.came)
        _until(lambda: len(post.came) == messages, seconds=4 * _PATIENCE)
        took = time.monotonic() - begun
        settle(database)
    with database.read() as session:
        workers = session.scalar(select(func.count(Attempt.id))) or 0
    database.dispose()
    return {
        "per_s": (messages - first) / took,
        "mails": sum(map(len, post.came.values())),
        "twice": post.twice(),
        "tries": workers,
        "load_of_the_machine": os.getloadavg()[0],
    }


def prepared(url: str) -> Database:
    database = Database(url)
    upgrade(database)
    now = SystemClock().now()
    with database.write() as session:
        for number in range(_AGENTS):
            factories.agent(session, f"agent-{number}", capacity=100_000, now=now)
            value = {"gatherAfter": 0}  # so that no storm holds back what is to be found at work
            preferences.save(session, f"agent-{number}", value, actor_id=f"agent-{number}", now=now)
    return database


def environment(folder: Path, database: Database, post: Post, *, pace: float = 0.0) -> dict[str, str]:
    return {
        "DOORBELL_DATA_DIR": str(folder),
        "DOORBELL_DATABASE_URL": database.url,
        "DOORBELL_SECRET_KEY": KEY,
        "DOORBELL_SMTP_URL": post.url,
        "DOORBELL_EMAIL_PER_SECOND": str(pace),
        "DOORBELL_LOG_LEVEL": "warning",
    }


def _tell(session: Session, agent_id: str, priority: Priority) -> None:
    """An alert and its owner's messages, as a decision writes them."""
    now = SystemClock().now()
    alert_id = factories.alert(session, agent_id=agent_id, priority=priority, now=now)
    delivery.enqueue(
        session, [Notice(alert_id=alert_id, user_id=agent_id, kind=Kind.ALERT_NEW, priority=priority)], now=now
    )


def _queue(database: Database, dice: random.Random, number: int) -> None:
    """Messages for now; now and then a digest of several, and one whose reader has begun their quiet hours meanwhile."""
    with database.write() as session:
        for _ in range(_A_TURN):
            _tell(session, f"agent-{dice.randrange(_AGENTS)}", Priority.CRITICAL)
        if number % 3 == 0:
            for _ in range(3):
                _tell(session, f"agent-{number % _AGENTS}", Priority.MEDIUM)
            _due_now(session, Delivery.bundle.startswith("hourly:"))
        if number % 4 == 0:
            agent_id = f"agent-{number // 4 % _AGENTS}"
            _tell(session, agent_id, Priority.HIGH)
            _quiet(session, agent_id, all_day=True)


def _quiet(session: Session, agent_id: str, *, all_day: bool) -> None:
    hours = {"from": "00:00", "until": "23:59"} if all_day else None
    preferences.save(session, agent_id, {"quietHours": hours}, actor_id=agent_id, now=SystemClock().now())


def _due_now(session: Session, *which: Any) -> None:
    session.execute(
        update(Delivery).where(Delivery.state == DeliveryState.QUEUED, *which).values(due_at=SystemClock().now())
    )


def _let_go(database: Database) -> None:
    """Everybody's quiet hours end, and what waited for that is due."""
    with database.write() as session:
        for number in range(_AGENTS):
            _quiet(session, f"agent-{number}", all_day=False)
        _due_now(session)


def _found(database: Database, seen: Seen, pid: int) -> Counter[str]:
    """Where the messages of a process were when it was killed."""
    with database.read() as session:
        rows = session.execute(
            select(Delivery.idempotency_key, Delivery.payload).where(
                Delivery.state == DeliveryState.LEASED, Delivery.leased_by.contains(f"/{pid}/")
            )
        ).all()
        waiting = session.execute(
            select(Delivery.payload, Delivery.attempts).where(Delivery.state == DeliveryState.QUEUED)
        ).all()
    found: Counter[str] = Counter()
    for key, payload in rows:
        step = "accepted_and_not_recorded" if key in seen.accepted else "leased"
        step = "being_handed_over" if key in seen.within else step
        found[step] += 1
        found["digest"] += "items" in payload
    at_recipient = min(seen.before, found["leased"])
    found["before_data"] += at_recipient
    found["leased"] -= at_recipient
    found["queued"] += sum(not row.attempts for row in waiting)
    found["deferred"] += sum("deferrals" in row.payload for row in waiting)
    return found


def _broken(database: Database, post: Post) -> tuple[str, ...]:
    """Every promise that does not hold now."""
    found = []
    with database.read() as session:
        rows = session.execute(
            select(
                Delivery.id,
                Delivery.idempotency_key,
                Delivery.state,
                Delivery.reason,
                Delivery.merged_into,
                Delivery.payload,
                Delivery.attempts,
            ).where(Delivery.channel == "email")
        ).all()
        lost = Counter(session.scalars(select(Attempt.delivery_id).where(Attempt.outcome == "lost")))
        hanging = session.scalar(select(func.count(Attempt.id)).where(Attempt.outcome == "started"))
    told = Counter(item["id"] for row in rows for item in row.payload.get("items", ()))
    keys = {row.idempotency_key for row in rows}
    if strange := set(post.came) - keys:
        found.append(f"{len(strange)} mails came that nobody wanted")
    if hanging:
        found.append(f"{hanging} tries have no end")
    for row in rows:
        came = len(post.came.get(row.idempotency_key, ()))
        if row.merged_into:
            if told[row.id] != 1 or came:
                found.append(f"{row.id} was merged, is told {told[row.id]} times and came {came} times by itself")
        elif row.state != DeliveryState.SENT or came == 0:
            found.append(f"{row.id} ended {row.state} ({row.reason}) and came {came} times")
        if came > 1 + lost[row.id]:
            found.append(f"{row.id} came {came} times with {lost[row.id]} crashes between")
        if len(post.subjects.get(row.idempotency_key, ())) > 1:
            found.append(f"{row.id} told something else the second time")
    return tuple(found[:20])


def settle(database: Database) -> bool:
    """Wait until nothing waits, for as long as it becomes less."""
    least, until = -1, time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        with database.read() as session:
            left = session.scalar(select(func.count()).select_from(Delivery).where(Delivery.state.in_(_OPEN))) or 0
        if not left:
            return True
        if left < least or least < 0:
            least, until = left, time.monotonic() + _PATIENCE
        time.sleep(0.2)
    return False


def _until(come: Any, *, seconds: float = 60.0) -> bool:
    until = time.monotonic() + seconds
    while not come():
        if time.monotonic() > until:
            return False
        time.sleep(0.004)
    return True


def fill(database: Database, number: int) -> None:
    """So many notices that are due, each about itself."""
    now = SystemClock().now()
    for first in range(0, number, 10_000):
        with database.write() as session:
            session.execute(
                insert(Delivery),
                [
                    {
                        "id": new_id(),
                        "user_id": f"agent-{one % _AGENTS}",
                        "channel": "email",
                        "kind": Kind.ADMIN_NOTICE,
                        "priority": Priority.HIGH,
                        "state": DeliveryState.QUEUED,
                        "idempotency_key": f"-:bench:{one}:email",
                        "payload": {"owner": False, "text": f"Notice {one}"},
                        "due_at": now,
                        "attempts": 0,
                        "created_at": now,
                    }
                    for one in range(first, min(first + 10_000, number))
                ],
            )


def fresh(server_url: str, name: str) -> str:
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)
