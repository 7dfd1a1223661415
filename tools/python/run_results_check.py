#!/usr/bin/env python3
"""Compares the metrics that a run of `grouppose` wrote with what pycocotools says of its results.json.

    run_results_check.py --run=DIR --gt=GT.json

DIR holds metrics.textproto and results.json. Exits 0 where all ten numbers agree to 1e-12, 1 with the first that does
not, and 2 where an input cannot be used. Needs pycocotools.
"""

import argparse
import os
import re
import sys

from pycocotools_compare import InputError, compare, official_stats


def last_evaluation(path):
    """Names and values of the last evaluation in a metrics.textproto."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise InputError(f"{path}: {error}") from error
    blocks = re.split(r"^evaluations \{$", text, flags=re.MULTILINE)[1:]
    if not blocks:
        raise InputError(f"{path}: no evaluation in it")
    values = re.findall(r'name: "([^"]+)"\s+value: (\S+)', blocks[-1])
    return [name for name, _ in values], [float(value) for _, value in values]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--run", required=True, help="folder with metrics.textproto and results.json")
    parser.add_argument("--gt", required=True, help="COCO annotations of the images that were evaluated")
    arguments = parser.parse_args()
    try:
        names, ours = last_evaluation(os.path.join(arguments.run, "metrics.textproto"))
        official = official_stats(arguments.gt, os.path.join(arguments.run, "results.json"))
    except InputError as error:
        print(f"run_results_check: {error}", file=sys.stderr)
        return 2
    difference = compare(names, ours, official)
    if difference:
        print(f"run_results_check: {difference}", file=sys.stderr)
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
