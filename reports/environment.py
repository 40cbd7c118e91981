"""The templates of all pages, with the stylesheet and the script that every page holds."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2


def environment() -> jinja2.Environment:
    """Templates that escape all text; the hash lets a page's security policy allow our script alone."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    loader = found.loader
    assert loader is not None
    script = loader.get_source(found, "report.js")[0].strip()
    found.globals["script"] = script
    found.globals["script_hash"] = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    found.globals["stylesheet"] = loader.get_source(found, "report.css")[0]
    return found


@dataclass(frozen=True)
class Part:
    """HTML of one report, which is a page of its own or stands on one with others: first lines, links, sections."""

    lead: str
    links: str
    main: str


def render_part(templates: jinja2.Environment, name: str, context: Mapping[str, Any]) -> Part:
    """The part ``name`` of a page from its three templates."""
    lead, links, main = (
        templates.get_template(f"{name}_{piece}.html").render(context) for piece in ("lead", "links", "main")
    )
    return Part(lead, links, main)


def render_page(title: str, part: Part, stylesheets: Sequence[str] = ()) -> str:
    """A whole page; ``stylesheets`` are added to the one that all pages have."""
    templates = environment()
    loader = templates.loader
    assert loader is not None
    added = [loader.get_source(templates, name)[0] for name in stylesheets]
    stylesheet = "\n".join([str(templates.globals["stylesheet"]), *added])
    return templates.get_template("page.html").render(title=title, part=part, stylesheet=stylesheet)
