"""What the board shows of a running test, as plain values: progress, screening, precision, troubles with devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from listening_test.database.models import Participant
from listening_test.export_tables import headphone_result
from listening_test.precision import Precision, listeners_needed, precision_of_judgements, precision_of_ratings
from listening_test.results import Results, people_first
from listening_test.screening import ListenerScreening, Screening, screen

#: Right answers of six that a listener with headphones gives (Milne et al., Behavior Research Methods 53, 2021).
HEADPHONES_RIGHT = 6

#: Half-widths that are asked for at first, and their unit, by method.
WANTED = {
    "mushra": (5.0, "points"),
    "acr": (0.3, "points"),
    "dcr": (0.3, "points"),
    "ab": (10.0, "%"),
    "abx": (10.0, "%"),
}


@dataclass(frozen=True)
class ListenerLine:
    """One listener on the board.

    Attributes:
        label: of the invitation; external: identity given by a recruiting service.
        screening: of the trials so far; None before the first, and for methods without post-screening.
        troubles: with the audio device, in words.
    """

    participant: Participant
    label: str
    n_done: int
    n_trials: int
    screening: ListenerScreening | None
    troubles: tuple[str, ...]

    @property
    def state(self) -> str:
        """How far the listener is."""
        if self.participant.finished_at is not None:
            return "finished"
        return f"trial {self.n_done + 1} of {self.n_trials}" if self.n_done < self.n_trials else "last pages"


@dataclass(frozen=True)
class Board:
    """All of it. ``is_simulated``: no person has come yet, and what is shown is of simulated listeners."""

    lines: tuple[ListenerLine, ...]
    screening: Screening | None
    precision: tuple[Precision, ...]
    is_simulated: bool
    n_simulated: int

    @property
    def n_finished(self) -> int:
        """Listeners who came to the end."""
        return sum(line.participant.finished_at is not None for line in self.lines)

    @property
    def n_missing(self) -> int | None:
        """Listeners still needed for the wanted precision of every condition; None while nothing can be said."""
        return listeners_needed(self.precision)


def read_board(results: Results, wanted: float) -> Board:
    """The board as it is now, for a ``wanted`` half-width of each condition's 95 % interval."""
    store, study_id = results.store, results.study_id
    everyone = store.participants(study_id)
    shown = people_first(everyone)
    names = {participant.listener for participant in shown}
    screening = None
    if results.study.method == "mushra":
        ratings = [rating for rating in results.ratings(with_unfinished=True) if rating.listener in names]
        screening = screen(ratings)
        finished = [rating for rating in results.ratings() if rating.listener in names]
        precision = precision_of_ratings(finished, wanted)
    else:
        precision = precision_of_judgements((row for row in results.judgements() if row.listener in names), wanted)
    order = [condition.id for condition in results.study.conditions]
    precision.sort(key=lambda entry: order.index(entry.condition) if entry.condition in order else len(order))
    screened = {entry.listener: entry for entry in screening.listeners} if screening else {}
    labels = {invitation.id: invitation.label for invitation in store.invitations(study_id)}
    counts = store.count_events(study_id, ("underrun", "fallback", "error"))
    progress = store.progress(study_id)
    lines = [
        ListenerLine(
            participant,
            labels.get(participant.invitation_id or 0, ""),
            *progress.get(participant.id, (0, 0)),
            screened.get(participant.listener),
            troubles(participant, counts.get(participant.id, {}), results.study.sample_rate_hz),
        )
        for participant in shown
    ]
    n_simulated = sum(participant.is_simulated for participant in everyone)
    is_simulated = bool(shown) and shown[0].is_simulated
    return Board(tuple(lines), screening, tuple(precision), is_simulated, n_simulated)


def troubles(participant: Participant, counts: dict[str, int], sample_rate_hz: int) -> tuple[str, ...]:
    """What may have spoilt a listener's sound, in words."""
    found = []
    reported = [device.get("sampleRate") for device in participant.device]
    rates = {float(rate) for rate in reported if isinstance(rate, int | float)} - {float(sample_rate_hz)}
    if rates:
        found.append(f"device ran at {' and '.join(f'{rate:g}' for rate in sorted(rates))} Hz, not {sample_rate_hz} Hz")
    for name, words in (("underrun", "gaps in the sound"), ("error", "errors of the player")):
        if counts.get(name):
            found.append(f"{counts[name]} {words}")
    if counts.get("fallback"):
        found.append("simple player (no AudioWorklet: old browser, or no HTTPS)")
    n_right = headphone_result(participant)
    if n_right is not None and n_right < HEADPHONES_RIGHT:
        found.append(f"headphone check failed ({n_right} of 6)")
    return tuple(found)


def precision_sentence(board: Board, wanted: float, unit: str) -> str:
    """The precision so far and what is missing, such as "±3.1 points now; 4 more listeners for ±2.5 points"."""
    widths = [precision.half_width for precision in board.precision if precision.half_width is not None]
    if not widths or board.n_missing is None:
        return "Too few listeners have finished to say how precise the means are: three at least."
    now = f"±{max(widths):.2g} {unit} now"
    if board.n_missing == 0:
        return f"{now}: the wanted ±{wanted:g} {unit} are reached."
    return f"{now}; {board.n_missing} more listener{'s' if board.n_missing > 1 else ''} for ±{wanted:g} {unit}."


def screening_words(entry: ListenerScreening | None) -> str:
    """A listener's screening state in words."""
    if entry is None:
        return ""
    return "; ".join(entry.reasons) if entry.is_excluded else "kept"


def find_listeners(lines: Sequence[Participant], wanted: str) -> list[Participant]:
    """Participants whose name in results, token or link, or identity at a recruiting service is ``wanted``."""
    words = wanted.strip()
    if not words:
        return []
    token = words.rpartition("t=")[2]

    def fits(row: Participant) -> bool:
        identities: list[Any] = [row.listener, row.token, *row.external.values()]
        return words in identities or token == row.token

    return [row for row in lines if fits(row)]
