"""A sweep's scores against listeners' ratings of the same audio: which metric to trust, where, and how far.

Reading order: `matching` (the two tables side by side), `analysis` (all statistics), `figures`, `sentences`, `page`
(one page with the sweep and the listening test on it), `paper` (what a paper needs).
"""
