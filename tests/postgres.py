"""PostgreSQL databases for tests: emptied and renamed for the next test, which takes a fifth of the time of a new one."""

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, text

from core.db import Database
from core.db.migrate import upgrade

_USES = 50
"""Tests that one database serves: what is deleted still lies in its files, and scans pass over it."""
_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum")
_SCHEMA = "SELECT count(*) || ' ' || max(oid) FROM pg_class"
_numbers = itertools.count()


class Databases:
    """The databases of one server. No name is given twice, so whoever still holds a database of an earlier test is locked out."""

    def __init__(self, server: Engine) -> None:
        """`server` commits each statement. It need not outlive the machine, so it does not wait for the disk."""
        self._server = server
        self._spare: tuple[str, int] | None = None
        with server.connect() as connection:
            for setting in _SETTINGS:
                connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
            connection.execute(text("CREATE DATABASE template_doorbell"))
        template = Database(self._url("template_doorbell"))
        upgrade(template)
        with template.engine.begin() as connection:
            self._as_new = _keep_what_is_there(connection)
            self._schema = connection.scalar(text(_SCHEMA))
        template.dispose()

    @contextmanager
    def lend(self) -> Iterator[str]:
        """The URL of a database with the newest schema and the rows that the migrations put in, and no others."""
        name, uses = self._spare or (self._new_name(), 0)
        if not uses:
            self._do(f"CREATE DATABASE {name} TEMPLATE template_doorbell")
        self._spare = None
        yield self._url(name)
        if uses + 1 < _USES and self._emptied(name):
            self._spare = (self._new_name(), uses + 1)
            self._do(f"ALTER DATABASE {name} RENAME TO {self._spare[0]}")
        else:
            self._do(f"DROP DATABASE {name} WITH (FORCE)")

    def _emptied(self, name: str) -> bool:
        """Whether it is as it was made, and nobody is connected to it."""
        self._left_by_all(name)
        with psycopg.connect(self._url(name).replace("+psycopg", ""), autocommit=True) as connection:
            if connection.execute(_SCHEMA).fetchone() != (self._schema,):
                return False
            connection.execute(self._as_new)
        return self._left_by_all(name)

    def _left_by_all(self, name: str) -> bool:
        """End its connections and see them gone: while one is left, PostgreSQL itself looks again only each 100 ms."""
        until = time.monotonic() + 30
        ending = text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name")
        with self._server.connect() as connection:
            while connection.scalar(ending, {"name": name}):
                if time.monotonic() > until:
                    return False
        return True

    def _do(self, command: str) -> None:
        with self._server.connect() as connection:
            connection.execute(text(command))

    def _url(self, name: str) -> str:
        return self._server.url.set(database=name).render_as_string(hide_password=False)

    @staticmethod
    def _new_name() -> str:
        return f"test_{os.getpid()}_{next(_numbers)}"


def _keep_what_is_there(connection: Connection) -> str:
    """Copy the rows of each table aside; the command that brings back them, and the sequences, and leaves nothing else."""
    tables = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
    connection.execute(text("CREATE SCHEMA as_new"))
    commands = ["SET session_replication_role = replica"]  # no foreign key is looked at meanwhile
    for table in tables:
        commands.append(f"DELETE FROM public.{table}")
        if connection.scalar(text(f"SELECT EXISTS (SELECT FROM public.{table})")):
            connection.execute(text(f"CREATE TABLE as_new.{table} AS TABLE public.{table}"))
            commands.append(f"INSERT INTO public.{table} TABLE as_new.{table}")
    sequences = connection.execute(
        text("SELECT sequencename, coalesce(last_value, start_value), last_value IS NOT NULL FROM pg_sequences")
    )
    commands += [f"SELECT setval('public.{name}', {value}, {called})" for name, value, called in sequences]
    return "; ".join(commands)
