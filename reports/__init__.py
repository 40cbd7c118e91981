"""From the rows of sweeps and the answers of listening tests to statistics, figures, and one self-contained HTML page.

Reading order: `tables` (rows to tables), `aggregate` and `intervals` (means), `series`, `maps`, `operating_points`,
`bd_rate` and `worst` (what to show), `charts`, `figures` and `spectrograms` (pictures), `listening` (audio for the
page), `analysis` (all numbers and figures of a report), then the forms: `page` (HTML), `pdf`, and `export` (what a
paper needs). `comparison` holds one sweep against another, `comparison_page` and `markdown` say what changed.
`listening_report` is of MUSHRA ratings, `judgement_report` of ABX, AB, ACR and DCR, `agreement` of a sweep's metrics
against ratings. `statistics` is a library of its own. Loads neither torch nor any codec.
"""
