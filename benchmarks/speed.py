"""Codecs timed in turn on one clip: A B A B, so that what slows the machine for a while slows all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pydantic
import yaml

from benchmarks.codecs import CODECS
from benchmarks.timing import Clock, timed, use_one_thread
from benchmarks.worker import ready_pair
from flowmac.audio import Waveform
from flowmac.errors import SettingError, unknown_name

CONFIDENCE = 0.95
_N_RESAMPLES = 5000


@dataclass(frozen=True)
class Interval:
    """A median and its bootstrap interval (percentiles, 95 %) over the rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


@dataclass(frozen=True)
class Speed:
    """Real-time factors of one codec: seconds for a second of audio, one value a round, shape [n_rounds]."""

    label: str
    clock: Clock
    encode: npt.NDArray[np.float64]
    decode: npt.NDArray[np.float64]

    @property
    def both(self) -> npt.NDArray[np.float64]:
        """Encoding and decoding together."""
        return self.encode + self.decode


def parse(text: str) -> tuple[str, str]:
    """``opus:kbps=12,vbr=false`` to the codec's name and its settings in JSON. Values are written as in YAML.

    Raises:
        SettingError: there is no such codec, or a setting is not valid.
    """
    name, _, rest = text.partition(":")
    model = CODECS.get(name).settings_model
    settings = {}
    for item in filter(None, rest.split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise SettingError(f"'{text}': expected CODEC or CODEC:key=value,key=value, got '{item}'")
        if key not in model.model_fields:
            raise unknown_name(f"setting of {name}", key, model.model_fields)
        if key in settings:
            raise SettingError(f"'{text}': '{key}' stands there twice")
        try:
            settings[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise SettingError(f"'{text}': the value of '{key}' is no valid YAML") from None
    try:
        return name, model.model_validate(settings).model_dump_json()
    except (pydantic.ValidationError, ValueError) as error:
        detail = error.errors()[0] if isinstance(error, pydantic.ValidationError) else {"loc": (), "msg": str(error)}
        key = ".".join(map(str, detail["loc"]))
        raise SettingError(f"'{text}': {key}: {detail['msg'][0].lower()}{detail['msg'][1:]}") from None


def measure_speed(
    codecs: Sequence[str], clip: Waveform, n_rounds: int, tell: Callable[[int], None] = lambda number: None
) -> list[Speed]:
    """Time codecs in turn, ``n_rounds`` times, after a round that is not counted.

    Args:
        codecs: as `parse` takes them.
        clip: what is coded.
        n_rounds: rounds to keep.
        tell: takes the number of each round that begins.

    Raises:
        SettingError: as `parse`, or a codec is no codec but a condition of listening tests.
    """
    use_one_thread()
    pairs = []
    clocks: list[Clock] = []
    for text in codecs:
        name, settings = parse(text)
        codec = CODECS.get(name)
        if codec.timing == "none":
            raise SettingError(f"'{text}': codes nothing (a condition of listening tests): there is nothing to time")
        clocks.append(codec.timing)
        pairs.append(ready_pair(codec, settings))
    use_one_thread()  # again: torch may have been loaded just now
    seconds = np.empty((len(pairs), 2, n_rounds))
    for number in range(-1, n_rounds):
        tell(number)
        for place, ((encoder, decoder), clock) in enumerate(zip(pairs, clocks, strict=True)):
            data, encode_s = timed(functools.partial(encoder.encode, clip), clock)
            _, decode_s = timed(functools.partial(decoder.decode, data), clock)
            if number >= 0:
                seconds[place, :, number] = encode_s, decode_s
    factors = seconds / clip.duration_s
    return [
        Speed(encoder.label, clock, *factors[place])
        for place, ((encoder, _), clock) in enumerate(zip(pairs, clocks, strict=True))
    ]


def median_interval(values: npt.NDArray[np.float64]) -> Interval:
    """Median over rounds."""
    return _interval(values, np.ones_like(values))


def ratio_interval(values: npt.NDArray[np.float64], to: npt.NDArray[np.float64]) -> Interval:
    """Ratio of two medians; the same rounds are drawn for both."""
    return _interval(values, to)


def _interval(values: npt.NDArray[np.float64], to: npt.NDArray[np.float64]) -> Interval:
    rounds = np.random.default_rng(0).integers(len(values), size=(_N_RESAMPLES, len(values)))
    ratios = np.median(values[rounds], axis=1) / np.median(to[rounds], axis=1)
    low, high = np.quantile(ratios, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(np.median(values) / np.median(to)), float(low), float(high))
