"""Serves a listening test: Streamlit for the pages, routes of our own for sounds and answers, in one process.

Everything that must outlive the process is in the database, so several servers may share one PostgreSQL database.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from flowmac.errors import SettingError
from listening_test.service import Service, set_current
from listening_test.stimuli.check import stimulus_path
from listening_test.study import STUDY_FILE, Study, read_study

if TYPE_CHECKING:
    from streamlit.web.server.starlette import App

MAIN_SCRIPT = Path(__file__).parent / "app" / "main.py"

DATABASE_FILE = "results.sqlite"

#: Links that are made for a test which is not public and has none yet.
N_FIRST_LINKS = 5


def open_service(test: Path, db: Path | str | None = None, *, is_public: bool = False, base_path: str = "") -> Service:
    """Read the study, open its database and look at its audio.

    Args:
        test: folder of the test, or its study file.
        db: a SQLite file or a database's URL; None for ``results.sqlite`` in the test's folder.
        base_path: below which a reverse proxy serves the test.

    Raises:
        SettingError: study, database or audio cannot be used.
    """
    from listening_test.database.store import Store

    study = read_study(test)
    file = test / STUDY_FILE if test.is_dir() else test
    base = f"/{base_path.strip('/')}" if base_path.strip("/") else ""
    _check_sizes(study, file.parent)
    store = Store(db or file.parent / DATABASE_FILE)
    row = store.register_study(study, file.read_text(encoding="utf-8"))
    return Service(study, file.parent, store, row.id, is_public, base)


def make_app(service: Service) -> App:
    """The web application, which shows ``service``."""
    import streamlit
    from starlette.routing import Route

    from listening_test.player.routes import player_routes
    from listening_test.routes import api_routes

    _configure(service.base_path)
    set_current(service)
    # No Mount: it would take every path below, and Streamlit's own pages are there too.
    routes = [
        Route(f"{service.base_path}{route.path}", route.endpoint, methods=route.methods)
        for route in (*api_routes(service), *player_routes())
    ]
    return streamlit.App(MAIN_SCRIPT, routes=routes)


def serve(
    test: Path,
    db: Path | str | None = None,
    *,
    is_public: bool = False,
    host: str = "127.0.0.1",
    port: int = 8501,
    base_path: str = "",
    show: Callable[[str], None] = print,
) -> None:
    """Run a test until it is stopped (Ctrl+C or SIGTERM), having shown its links.

    Args:
        is_public: anyone with the address may take part, not only who has a personal link.
        host, port: where to listen; port 0 takes any free one.
        show: is given each line for the person who starts it.

    Raises:
        SettingError: study, database or audio cannot be used, the address is taken, or Streamlit is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise SettingError("a listening test needs Streamlit: pip install 'flowmac[listen]'") from error
    service = open_service(test, db, is_public=is_public, base_path=base_path)
    with service.store, _listen(host, port) as listener:
        app = make_app(service)
        # The proxy on this machine says by which address and scheme the listener came.
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=True,
            ws="websockets-sansio",
            timeout_graceful_shutdown=2,
        )
        address = f"http://{'localhost' if host in ('0.0.0.0', '::') else host}:{listener.getsockname()[1]}"
        for line in links(service, address):
            show(line)
        uvicorn.Server(config).run(sockets=[listener])


def links(service: Service, address: str) -> list[str]:
    """Lines with the open link or the unused personal ones, made where there are none, and the admin page's."""
    root = f"{address}{service.base_path}/"
    lines = [f"{service.study.title}: {len(service.study.items)} items, {len(service.study.conditions)} conditions"]
    if service.is_public:
        lines.append(f"open to all: {root}")
    else:
        store = service.store
        if not store.invitations(service.study_id):
            store.add_invitations(service.study_id, [""] * N_FIRST_LINKS)
        unused = [row for row in store.invitations(service.study_id) if row.n_uses < row.max_uses]
        lines += [f"personal link: {root}?t={row.token}" for row in unused]
    if service.study.admin.password_hash:
        lines.append(f"admin: {root}admin")
    return lines


def _configure(base_path: str) -> None:
    """Streamlit's settings: a plain page without its menus, that says nothing of errors and of ourselves to others."""
    from streamlit import config

    settings = {
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "global.developmentMode": False,
        "server.baseUrlPath": base_path.strip("/"),
        # No cookie gives any right here: a listener's is the token in the link, the experimenter's a password typed in
        # one WebSocket session. A page elsewhere that connects gets a session of its own with no rights, and can read
        # none of ours; so a proxy may serve the test under any name. With CORS protection on, Streamlit would ask
        # services on the internet for its own address whenever a foreign origin connects. XSRF protection guards
        # uploads, which no page here takes, and would set a cookie on every listener.
        "server.enableCORS": False,
        "server.enableXsrfProtection": False,
        "server.fileWatcherType": "none",
        "server.headless": True,
        "server.maxUploadSize": 1,
        "server.runOnSave": False,
        "theme.base": "light",
        # As the player's; the edge of a field stands out from the page by 3:1 (WCAG 1.4.11).
        "theme.borderColor": "#868b94",
        "theme.primaryColor": "#0b57d0",
        "theme.showWidgetBorder": True,
        "ui.hideTopBar": True,
    }
    for name, value in settings.items():
        config.set_option(name, value)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # with the protocol named, asyncio switches off Nagle, which would hold every answer back for 40 ms
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        raise SettingError(f"cannot listen at {host}:{port} ({error.strerror}); name another --port") from None
    return listener


def _check_sizes(study: Study, folder: Path) -> None:
    """Every file is there, and those of an item have one size, which tells nothing. Reads all of them once.

    Thus the system has them all in memory, and none comes slower than its neighbours for being read first.
    """
    for item in (*study.items, *study.training):
        sizes = set()
        for name in item.files.values():
            try:
                sizes.add(len(stimulus_path(folder, name).read_bytes()))
            except OSError as error:
                raise SettingError(f"{folder / name}: cannot be read ({error.strerror})") from None
        if len(sizes) > 1:
            raise SettingError(
                f"item '{item.id}': its files differ in size, which would tell listeners what they hear; "
                "build the test with `flowmac listen build`"
            )
