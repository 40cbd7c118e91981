"""A test's results as files: tidy CSV, Parquet on request, webMUSHRA's CSV, and a manifest with the hash of each.

The training is never among the ratings, and simulated rows are marked. Nothing that identifies a person is written:
no tokens, labels of invitations, identities of recruiting services, remarks, or names of browsers. Answers to the
questionnaire come only on request.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from flowmac.errors import SettingError
from listening_test import export_tables as tables
from listening_test.judgements import judgements_csv
from listening_test.methods import method_name
from listening_test.ratings import Rating, ratings_csv
from listening_test.results import Results, open_results

MANIFEST_FILE = "manifest.json"


def ratings_of(location: Path | str, with_unfinished: bool = False) -> list[Rating]:
    """The ratings in a database: a SQLite file, the folder of a test, or a URL.

    Raises:
        SettingError: no such database, several studies in it, no MUSHRA test, or no rating yet.
    """
    is_folder = "://" not in str(location) and Path(location).is_dir()
    test, db = (Path(location), None) if is_folder else (None, str(location))
    with open_results(test, db) as results:
        if results.study.method != "mushra":
            raise SettingError(f"{location}: holds an {results.study.method} test, which has judgements and no ratings")
        ratings = results.ratings(with_unfinished)
    if not ratings:
        raise SettingError(f"{location}: no listener has finished the test yet")
    return ratings


def write_export(
    results: Results,
    folder: Path,
    *,
    with_unfinished: bool = False,
    with_questionnaire: bool = False,
    with_parquet: bool = False,
    force: bool = False,
) -> list[Path]:
    """Write all files into ``folder``, and return their paths.

    Args:
        with_unfinished: also the complete trials of listeners who have not finished.
        with_questionnaire: also the answers to the questionnaire, which may be personal data.
        with_parquet: tables also as Parquet.

    Raises:
        SettingError: the folder holds files and ``force`` is not set.
    """
    if folder.exists() and not folder.is_dir():
        raise SettingError(f"{folder}: is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise SettingError(f"{folder}: is not empty; give --force to overwrite the export in it")
    texts = export_texts(results, with_unfinished=with_unfinished, with_questionnaire=with_questionnaire)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in texts.items():
        paths.append(folder / name)
        paths[-1].write_text(text, encoding="utf-8", newline="")
    if with_parquet:
        paths += _write_parquet([path for path in paths if path.suffix == ".csv"])
    (folder / MANIFEST_FILE).write_text(
        _manifest(results, {path.name: path.read_bytes() for path in paths}, with_unfinished), encoding="utf-8"
    )
    return [*paths, folder / MANIFEST_FILE]


def export_texts(
    results: Results, *, with_unfinished: bool = False, with_questionnaire: bool = False
) -> dict[str, str]:
    """The content of each file by its name, without the manifest."""
    texts: dict[str, str] = {}
    if results.study.method == "mushra":
        texts["ratings.csv"] = ratings_csv(results.ratings(with_unfinished))
        texts["webmushra.csv"] = csv_text(tables.WEBMUSHRA_COLUMNS, tables.webmushra(results, with_unfinished))
    else:
        texts["judgements.csv"] = judgements_csv(results.judgements(with_unfinished))
    texts["listeners.csv"] = csv_text(tables.LISTENER_COLUMNS, tables.listeners(results))
    texts["trials.csv"] = csv_text(tables.TRIAL_COLUMNS, tables.trials(results))
    texts["events.csv"] = csv_text(tables.EVENT_COLUMNS, tables.events(results))
    if with_questionnaire:
        texts["questionnaire.csv"] = csv_text(tables.QUESTIONNAIRE_COLUMNS, tables.questionnaire(results))
    texts["study.yaml"] = _public_study(results)
    texts["methods.txt"] = results.methods_paragraph() + "\n"
    return texts


def archive(results: Results, **options: bool) -> bytes:
    """All files and their manifest as one ZIP, for a download."""
    import zipfile

    texts = {name: text.encode() for name, text in export_texts(results, **options).items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in texts.items():
            zipped.writestr(name, data)
        zipped.writestr(MANIFEST_FILE, _manifest(results, texts, options.get("with_unfinished", False)))
    return buffer.getvalue()


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV with truth as ``true`` and ``false``, and nothing where there is no value."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(str(value).lower() if isinstance(value, bool) else value for value in row)
    return buffer.getvalue()


def _public_study(results: Results) -> str:
    """The study without the hash of its password."""
    data = results.study.model_dump(mode="json", exclude={"admin"}, exclude_defaults=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _write_parquet(sources: Iterable[Path]) -> list[Path]:
    import pandas as pd

    written = []
    for source in sources:
        written.append(source.with_suffix(".parquet"))
        pd.read_csv(source, keep_default_na=False, na_values={"score": [""]}).to_parquet(written[-1], index=False)
    return written


def _manifest(results: Results, files: dict[str, bytes], with_unfinished: bool) -> str:
    attendance = results.attendance()
    found = {
        "made_by": f"flowmac {version('flowmac')}",
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "title": results.study.title,
        "test": method_name(results.study),
        "content_hash": results.study.content_hash,
        "deviations": [deviation.model_dump() for deviation in results.study.deviations],
        "n_started": attendance.n_started,
        "n_finished": attendance.n_finished,
        "n_simulated": attendance.n_simulated,
        "has_unfinished_listeners": with_unfinished,
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "n_bytes": len(data)} for name, data in files.items()
        },
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"
