"""Links by which listeners come: personal ones, and those with the parameters of recruiting services."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from urllib.parse import quote

from listening_test.database.models import Invitation

#: Placeholders that Prolific fills in, in a study's external link.
PROLIFIC = "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"

#: The names under which Amazon Mechanical Turk gives the same; in a task's template they are filled in.
MTURK = "workerId=${workerId}&assignmentId=${assignmentId}&hitId=${hitId}"


def personal_link(address: str, token: str) -> str:
    """The link of one listener at the test's ``address``, such as ``https://example.org/listen``."""
    return f"{address.rstrip('/')}/?t={quote(token, safe='')}"


def recruiting_link(address: str, parameters: str) -> str:
    """The open link with the ``parameters`` of a recruiting service, one of `PROLIFIC` and `MTURK`."""
    return f"{address.rstrip('/')}/?{parameters}"


def links_csv(address: str, invitations: Iterable[Invitation]) -> str:
    """Label, link and use of each invitation, to send them by other means."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("label", "link", "is_used"))
    for row in invitations:
        writer.writerow((row.label, personal_link(address, row.token), str(row.n_uses > 0).lower()))
    return buffer.getvalue()
