"""One line of the table: the measurement, the figure and its target."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """A measured figure. `at_most` is the target in the same unit, or None without a target."""

    what: str
    figure: float
    unit: str
    at_most: float | None = None

    @property
    def missed(self) -> bool:
        """Whether there is a target and the figure is above it."""
        return self.at_most is not None and self.figure > self.at_most

    def cells(self) -> tuple[str, str, str, str]:
        """Return the line's four cells: measurement, figure, target, verdict."""
        if self.at_most is None:
            return self.what, self._shown(self.figure), "", ""
        target = f"<= {self.at_most:g} {self.unit}" if self.at_most else "0"
        return self.what, self._shown(self.figure), target, "no" if self.missed else "yes"

    def _shown(self, number: float) -> str:
        digits = 3 if 0 < number < 1 else 2
        return f"{number:.{0 if number == int(number) else digits}f} {self.unit}".rstrip()


def table(lines: list[Line]) -> str:
    """Return the lines as a table in columns."""
    rows = [("what", "figure", "target", "met"), *(line.cells() for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    laid_out = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in laid_out)
