"""Tables as LaTeX, for booktabs."""

from __future__ import annotations

from collections.abc import Sequence

_ESCAPED = {
    "\\": r"\textbackslash{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "<": "$<$",
    ">": "$>$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "–": "--",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "\n": " ",
}


def escape(text: str) -> str:
    """``text`` as LaTeX prints it."""
    return "".join(_ESCAPED.get(letter, letter) for letter in text)


def table(heads: Sequence[str], lines: Sequence[Sequence[str]], caption: str, label: str) -> str:
    """A floating table; the first column is text, the others stand to the right."""
    rows = [" & ".join(escape(cell) for cell in line) + r" \\" for line in (heads, *lines)]
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape(caption)}}}",
            rf"\label{{tab:{label}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
            r"\toprule",
            rows[0],
            r"\midrule",
            *rows[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )
