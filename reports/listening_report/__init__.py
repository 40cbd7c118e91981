"""The page of a listening test: from ratings to one self-contained HTML file.

Reading order: `study_info` (what the ratings do not say), `analysis` (all statistics), `compliance` (the standard's
rules one by one), `charts` (pictures), `sentences` and `downloads`, `page` (the HTML).
"""

from reports.listening_report.page import build_listening_page

__all__ = ["build_listening_page"]
