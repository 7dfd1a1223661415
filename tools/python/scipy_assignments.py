#!/usr/bin/env python3
"""Prints what scipy.optimize.linear_sum_assignment says of many matrices of costs, most of them with ties.

    scipy_assignments.py > grouppose/loss/scipy_assignments.txt

A case is a line: ROWS COLUMNS SCALE COSTS RESULT. COSTS is one character an entry, row by row: a digit d is the cost
(d - 4) * SCALE in float64, - is minus zero, i is infinity, m is minus infinity and n is NaN; a matrix without entries is
written as _. RESULT is one number a row, joined with commas: its column, or x where it has none; or `refused`. Needs scipy; the
same matrices always.
"""

import random

import numpy
import scipy
from scipy.optimize import linear_sum_assignment

VALUES = {"-": -0.0, "i": numpy.inf, "m": -numpy.inf, "n": numpy.nan}


def cost(character, scale):
    return VALUES[character] if character in VALUES else (int(character) - 4) * scale


def line(rows, columns, scale, text):
    matrix = numpy.array([cost(c, scale) for c in text], dtype=numpy.float64).reshape(rows, columns)
    try:
        of_row = {int(r): int(c) for r, c in zip(*linear_sum_assignment(matrix))}
        result = ",".join(str(of_row.get(r, "x")) for r in range(rows)) or "_"
    except ValueError:
        result = "refused"
    return f"{rows} {columns} {scale!r} {text or '_'} {result}"


def repeated_rows(draw, rows, columns):
    kinds = ["".join(draw.choice("0123456789") for _ in range(columns)) for _ in range(2)]
    return "".join(draw.choice(kinds) for _ in range(rows))


def cases():
    draw = random.Random(1)
    # every small shape with few different costs; 0.1 is rounded, so sums that would be equal are not
    for rows in range(8):
        for columns in range(8):
            for alphabet in ("4", "45", "4-5", "345", "0123456789", "45i", "5iii"):
                scale = draw.choice((1.0, 0.1))
                yield rows, columns, scale, "".join(draw.choice(alphabet) for _ in range(rows * columns))
            yield rows, columns, 1.0, repeated_rows(draw, rows, columns)
    # larger ones, wide, tall and square
    for rows, columns in ((5, 40), (40, 5), (20, 20), (12, 30), (30, 12), (25, 26), (26, 25)):
        for alphabet in ("4", "45", "3456", "0123456789", "4444i"):
            yield rows, columns, draw.choice((1.0, 0.1)), "".join(draw.choice(alphabet) for _ in range(rows * columns))
        yield rows, columns, 0.1, repeated_rows(draw, rows, columns)
    # what has no answer
    for text in ("4n44", "nnnn", "m444", "iiii", "i4i4", "ii44", "im44", "in44"):
        yield 2, 2, 1.0, text
    yield 2, 3, 1.0, "iii444"
    yield 3, 2, 1.0, "i4i4i4"


def main():
    print(f"# tools/python/scipy_assignments.py with scipy {scipy.__version__}: ROWS COLUMNS SCALE COSTS RESULT")
    for case in cases():
        print(line(*case))


if __name__ == "__main__":
    main()
