"""From the rows of a sweep to statistics, figures and one self-contained HTML page.

Reading order: `aggregate` (rows to tables), `statistics` (intervals), `charts` and `spectrograms` (pictures),
`listening` (audio for the page), `page` (the HTML), `cli` (the command). Loads neither torch nor any codec.
"""
