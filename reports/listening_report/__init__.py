"""The page of a listening test: from ratings to one self-contained HTML file.

Reading order: `study_info` (what the ratings do not say), `analysis` (all statistics), `compliance` (the standard's
rules one by one), `figures` and `charts` (what the pictures show, and how they are drawn), `sentences`, `downloads` and
`paper`, `page` (the HTML).
"""

from reports.listening_report.page import Options, build_listening_page

__all__ = ["Options", "build_listening_page"]
