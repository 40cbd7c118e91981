"""The templates of all pages, with the stylesheet and the script that every page holds."""

from __future__ import annotations

import base64
import hashlib

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
