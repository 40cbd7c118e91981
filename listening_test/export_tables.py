"""The tables of an export beside ratings and judgements: listeners, trials, events, questionnaire, webMUSHRA's form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from listening_test.database.models import Participant
from listening_test.results import Results, moment, trial_number

Row = tuple[Any, ...]

#: Facts of the audio device that identify no browser, as the player names them, and their columns.
_DEVICE = {
    "sampleRate": "device_rate_hz",
    "baseLatency": "base_latency_s",
    "outputLatency": "output_latency_s",
    "maxChannelCount": "device_channels",
}
LISTENER_COLUMNS = (
    *("listener", "is_simulated", "language", "seed_index", "started_at", "consent_at", "finished_at"),
    *("n_trials_done", "n_trials", "n_underruns", "n_fallbacks", "headphones_right_of_6"),
    *_DEVICE.values(),
)
TRIAL_COLUMNS = (
    *("listener", "trial", "kind", "item", "repeat", "done_at", "position", "label", "condition", "is_graded"),
    *("answer", "answered_at", "is_simulated"),
)
EVENT_COLUMNS = (
    *("listener", "page", "seq", "name", "trial", "item", "condition", "value", "position_samples", "at_ms", "at"),
    "is_simulated",
)
QUESTIONNAIRE_COLUMNS = ("listener", "question", "answer", "is_simulated")
WEBMUSHRA_COLUMNS = (
    *("session_test_id", "session_uuid", "trial_id", "rating_stimulus", "rating_score"),
    *("rating_time", "rating_comment"),
)
_WEBMUSHRA_NAMES = {"reference": "reference", "low_anchor": "anchor35", "mid_anchor": "anchor70"}


def listeners(results: Results) -> Iterator[Row]:
    """Who took part, without anything that names a person."""
    counts = results.store.count_events(results.study_id, ("underrun", "fallback"))
    progress = results.store.progress(results.study_id)
    for participant in results.store.participants(results.study_id):
        own = counts.get(participant.id, {})
        device = participant.device[-1] if participant.device else {}
        yield (
            participant.listener,
            participant.is_simulated,
            participant.language,
            participant.seed_index,
            _iso(participant.started_at),
            _iso(participant.consent_at),
            _iso(participant.finished_at),
            *progress.get(participant.id, (0, 0)),
            own.get("underrun", 0),
            own.get("fallback", 0),
            headphone_result(participant),
            *(device.get(name) for name in _DEVICE),
        )


def headphone_result(participant: Participant) -> int | None:
    """How many of six headphone questions were answered right; None where the check was not made."""
    result = participant.steps.get("headphones", {}).get("result")
    return result.get("n_right") if isinstance(result, dict) else None


def trials(results: Results) -> Iterator[Row]:
    """What was presented in which order, the training too, and what was answered, complete or not."""
    answered = {row.stimulus.id: row.answer for row in results.store.judged(results.study_id)}
    for participant in results.store.participants(results.study_id):
        for trial in results.store.trials(participant.id):
            for stimulus in trial.stimuli:
                answer = answered.get(stimulus.id)
                yield (
                    participant.listener,
                    trial_number(trial),
                    trial.kind,
                    trial.item,
                    trial.repeat,
                    _iso(trial.done_at),
                    stimulus.position + 1,
                    stimulus.label,
                    stimulus.condition,
                    stimulus.is_graded,
                    None if answer is None else answer.value,
                    None if answer is None else _iso(answer.at),
                    participant.is_simulated,
                )


def events(results: Results) -> Iterator[Row]:
    """Each play, switch and answer, in order."""
    for participant in results.store.participants(results.study_id):
        own = {trial.id: trial for trial in results.store.trials(participant.id)}
        conditions = {stimulus.id: stimulus.condition for trial in own.values() for stimulus in trial.stimuli}
        for event in results.store.events(participant.id):
            trial = own.get(event.trial_id or "")
            yield (
                participant.listener,
                event.page,
                event.seq,
                event.name,
                trial_number(trial) if trial else None,
                trial.item if trial else None,
                conditions.get(event.stimulus_id or ""),
                event.value,
                event.position,
                event.at_ms,
                _iso(event.at),
                participant.is_simulated,
            )


def questionnaire(results: Results) -> Iterator[Row]:
    """Answers to the questionnaire, which may be personal data; remarks are not among them."""
    for participant in results.store.participants(results.study_id):
        for question, answer in participant.questionnaire.items():
            yield participant.listener, question, answer, participant.is_simulated


def webmushra(results: Results, with_unfinished: bool = False) -> Iterator[Row]:
    """Ratings as webMUSHRA's ``mushra.csv`` has them, for scripts made for it.

    Reference and anchors get webMUSHRA's names, sessions of simulated listeners begin with ``simulated``, a repeated
    trial ends in ``_repeat1``. ``rating_time`` is from the trial's first sound or answer to the last change, in ms.
    """
    roles = {condition.id: condition.role for condition in results.study.conditions}
    names = {condition: _WEBMUSHRA_NAMES.get(role, condition) for condition, role in roles.items()}
    if len(set(names.values())) < len(names):  # a system has one of the names
        names = {condition: condition for condition in roles}
    begins: dict[int, dict[str | None, float]] = {}
    for row in results.counted(with_unfinished):
        if row.participant.id not in begins:
            reported = results.store.events(row.participant.id)
            begins[row.participant.id] = {event.trial_id: event.at for event in reversed(reported)}
        begin = begins[row.participant.id].get(row.trial.id, row.answer.at)
        yield (
            results.study.title,
            f"{'simulated ' if row.participant.is_simulated else ''}{row.participant.listener}",
            f"{row.trial.item}_repeat{row.trial.repeat}" if row.trial.repeat else row.trial.item,
            names[row.stimulus.condition],
            f"{row.answer.value:g}",
            round(1000 * (row.answer.at - begin)),
            "",
        )


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else moment(seconds).isoformat(timespec="milliseconds")
