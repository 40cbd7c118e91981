"""What ratings do not say of a listening test: how it was set up and run. A YAML file beside the ratings."""

from __future__ import annotations

from pathlib import Path

import pydantic
import yaml

from flowmac.errors import SettingError


class StudyInfo(pydantic.BaseModel):
    """Facts of a test; None where nobody wrote them down, which a report then says.

    Attributes:
        n_invited, n_started: listeners, beside those with ratings.
        level: of playback, such as ``set by each listener before the training, then locked``.
        has_training: listeners heard the range of impairments first, and those grades do not count.
        has_experienced_listeners: chosen for their experience, as the standard asks.
        has_random_order: of items and of conditions within each item.
        uses_cross_fade: on switching, which the standard forbids; False for 5 ms out, then 5 ms in.
        longest_item_s: length of the longest excerpt.
        rates_playing_signal_only: only the signal that is heard can be graded.
        deviations: from the standard, in the experimenter's words.
        items, conditions: names in the ratings and what a sweep calls them, where the two are reported together; null
            for what the sweep does not have.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    title: str | None = None
    dates: str | None = None
    software: str | None = None
    transducers: str | None = None
    level: str | None = None
    instructions: str | None = None
    n_invited: int | None = pydantic.Field(default=None, ge=0)
    n_started: int | None = pydantic.Field(default=None, ge=0)
    has_training: bool | None = None
    has_experienced_listeners: bool | None = None
    has_random_order: bool | None = None
    uses_cross_fade: bool | None = None
    longest_item_s: float | None = pydantic.Field(default=None, gt=0)
    rates_playing_signal_only: bool | None = None
    deviations: tuple[str, ...] = ()
    items: dict[str, str | None] = {}
    conditions: dict[str, str | None] = {}


def read_study_info(path: Path) -> StudyInfo:
    """The facts in the YAML file ``path``.

    Raises:
        SettingError: it cannot be read, or a key or value is not valid.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingError(f"{path}: cannot be read as YAML ({error})") from error
    try:
        return StudyInfo.model_validate({} if content is None else content)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole file"
        known = ", ".join(StudyInfo.model_fields)
        raise SettingError(f"{path}: {place}: {first['msg']}. Known keys: {known}") from error
