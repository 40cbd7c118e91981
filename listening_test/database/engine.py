"""Connections to SQLite and PostgreSQL, and the statements in which the two differ."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from flowmac.errors import SettingError
from listening_test.database.models import Base

MIGRATIONS = Path(__file__).parent / "migrations"

#: Number of the lock under which servers that start together bring one PostgreSQL database up to date.
_MIGRATION_LOCK = 0x666D6163

_BUSY_TIMEOUT_S = 30


def open_engine(location: Path | str) -> Engine:
    """Connect to a SQLite file or a database's URL, and bring its tables up to date.

    Raises:
        SettingError: it cannot be opened, or was made by a newer version.
    """
    url = str(location) if "://" in str(location) else f"sqlite:///{location}"
    if url.startswith(("postgres://", "postgresql://")):
        url = f"postgresql+psycopg://{url.partition('://')[2]}"
    try:
        parsed = sqlalchemy.make_url(url)
        shown = parsed.render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError as error:
        raise SettingError(f"the database '{location}' is neither a file nor a URL such as postgresql://...") from error
    kind = parsed.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise SettingError(f"the database {shown} is neither SQLite nor PostgreSQL")
    try:
        if kind == "sqlite":
            engine = sqlalchemy.create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT_S})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        else:
            engine = sqlalchemy.create_engine(parsed, pool_size=20, max_overflow=20, pool_pre_ping=True)
        _migrate(engine)
    except ImportError as error:
        raise SettingError("PostgreSQL needs the driver psycopg: pip install 'flowmac[listen]'") from error
    except sqlalchemy.exc.DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise SettingError(f"the database {shown} cannot be opened: {reason}") from error
    return engine


def for_writing(engine: Engine) -> Engine:
    """The same connections, whose transactions take SQLite's write lock at once instead of failing halfway."""
    return engine.execution_options(begin="BEGIN IMMEDIATE")


def upsert(
    session: Session,
    model: type[Base],
    values: Mapping[str, Any],
    key: str,
    updated: Sequence[str],
    newer_by: str | None = None,
    among: str | None = None,
) -> sqlalchemy.Executable:
    """An insert that updates the columns ``updated`` of the row of the same ``key``.

    Args:
        newer_by, among: columns; a row of the same ``among`` is only updated where its ``newer_by`` is smaller.
    """
    statement = _insert(session, model).values(dict(values))
    columns = model.__table__.c
    if newer_by and among:
        is_newer = (columns[newer_by] < statement.excluded[newer_by]) | (columns[among] != statement.excluded[among])
    return statement.on_conflict_do_update(
        index_elements=[key],
        set_={name: statement.excluded[name] for name in updated},
        where=is_newer if newer_by and among else None,
    )


def _insert(session: Session, model: type[Base]) -> sqlite.Insert | postgresql.Insert:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return sqlite.insert(model) if is_sqlite else postgresql.insert(model)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own handling of transactions is switched off; `_begin_sqlite` says when one begins.
    connection.isolation_level = None
    # FULL: what was acknowledged is on the disk even when the power fails.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with for_writing(engine).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise SettingError(f"the database was made by a newer version of this program ({error})") from error
