"""The page of tests by ABX, AB, ACR and DCR: from judgements to one self-contained HTML file.

Reading order: `analysis` (all statistics, a section for each method), `figures`, `page` (the HTML and what a paper
needs).
"""

from reports.judgement_report.page import paper_of, prepare, render

__all__ = ["paper_of", "prepare", "render"]
