"""The player as components of Streamlit (components v2: in the page itself, within a shadow root).

A trial's data stays the same while it is mounted, under a key of its own: a rerun of the script never touches the
sound. Ratings do not pass here; the browser saves each by the server's own route.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from listening_test.player import routes
from listening_test.player.playback_checks import HEADPHONE_PASS, N_HEADPHONE_TRIALS, targets

__all__ = ["HEADPHONE_PASS", "N_HEADPHONE_TRIALS", "mount_headphone_check", "mount_level_check", "mount_trial"]

# The modules come from the server's own route, so that they can import each other and the audio thread's script.
_LOADER = """
const mounted = new WeakMap();
export default function (component) {
  const { parentElement } = component;
  const known = mounted.get(parentElement);
  if (known) {
    known.component = component;
    return known.unmount;
  }
  const holder = { component, page: null, isGone: false };
  holder.unmount = () => {
    holder.isGone = true;
    holder.page?.unmount();
    mounted.delete(parentElement);
  };
  mounted.set(parentElement, holder);
  // This script is a blob, which has no address of its own to resolve a path by.
  import(new URL(`${component.data.scripts}/main.js`, location.href).href).then((player) => {
    if (!holder.isGone) holder.page = player.mount(parentElement, component.data, (name, value) =>
      holder.component.setTriggerValue(name, value));
  }, () => {
    parentElement.append(component.data.texts.no_player);
  });
  return holder.unmount;
}
"""


def mount_trial(data: Mapping[str, Any], *, key: str) -> str | None:
    """Mounts a trial.

    Args:
        data: what the page must know (method, trial, token, stimuli, texts, ...); names no condition.
        key: one for each trial of each listener.

    Returns:
        The trial's id, once: the listener went on and all changes are saved. None otherwise.
    """
    return _mount({**data, "page": "trial"}, key, "done")


def mount_level_check(texts: Mapping[str, str], *, key: str) -> bool:
    """Mounts a noise to set the level by, on the left, the right and both sides. True once, when it is set."""
    return _mount({"page": "level", "texts": dict(texts)}, key, "done") is not None


def mount_headphone_check(texts: Mapping[str, str], *, key: str) -> int | None:
    """Mounts six times "which of three noises has the tone?".

    Args:
        texts: of the player.
        key: one for each listener and attempt; the tones' places follow from it.

    Returns:
        How many answers were right, once, at the end (``HEADPHONE_PASS`` are needed). None otherwise.
    """
    check = hashlib.sha256(key.encode()).hexdigest()[:16]
    answers = _mount({"page": "headphones", "check": check, "texts": dict(texts)}, key, "done")
    if answers is None:
        return None
    return sum(given == right for given, right in zip(answers, targets(check), strict=True))


@functools.cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component("listening_test_player", css=routes.style(), js=_LOADER)


def _mount(data: Mapping[str, Any], key: str, trigger: str) -> Any:
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    root = f"/{base}/player" if base else "/player"
    data = {**data, "scripts": f"{root}/{routes.version()}", "checks": f"{root}/checks"}
    result = _component()(data=data, key=key, **{f"on_{trigger}_change": lambda: None})
    return getattr(result, trigger)
