#!/usr/bin/env python3
"""Compares the numbers of `pose_eval score --json` with those of pycocotools.

    pycocotools_compare.py --gt=GT.json --dt=DT.json --stats=STATS.json

Prints both columns. Exits 0 where all ten numbers agree to 1e-12, 1 with the first that does not, and 2 where an input
cannot be used. Needs pycocotools.
"""

import argparse
import contextlib
import json
import math
import os
import sys

TOLERANCE = 1e-12  # a mean over at most 10 x 101 x categories numbers: far above rounding, far below any real change


class InputError(Exception):
    """An input that cannot be used; one line."""


def read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}") from error


def official_stats(annotations_path, detections_path):
    """The ten numbers of pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    detections = read_json(detections_path)
    # its progress lines are not ours to show
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        try:
            annotations = COCO(annotations_path)
            # loadRes cannot take an empty list; an empty result is an empty COCO(), as in Group Pose
            results = annotations.loadRes(detections_path) if detections else COCO()
            evaluation = COCOeval(annotations, results, "keypoints")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        except Exception as error:  # whatever it raises on input that it does not take
            raise InputError(f"pycocotools refuses {detections_path}: {type(error).__name__}: {error}") from error
    return [float(value) for value in evaluation.stats]


def same(ours, official):
    return ours == official or (math.isnan(ours) and math.isnan(official)) or abs(ours - official) <= TOLERANCE


def compare(names, ours, official):
    """Prints both columns and returns the first difference as a line, or None."""
    if len(ours) != len(official):
        return f"{len(ours)} numbers, pycocotools has {len(official)}"
    first = None
    print(f"{'':<6} {'ours':>22} {'pycocotools':>22}")
    for name, a, b in zip(names, ours, official):
        agree = same(a, b)
        print(f"{name:<6} {a!r:>22} {b!r:>22}{'' if agree else '  differs'}")
        if not agree and first is None:
            first = f"{name}: ours {a!r}, pycocotools {b!r}, difference {a - b:g}"
    return first


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gt", required=True, help="annotations")
    parser.add_argument("--dt", required=True, help="detections")
    parser.add_argument("--stats", required=True, help="what `pose_eval score --json` wrote for them")
    arguments = parser.parse_args()
    try:
        metrics = read_json(arguments.stats)
        if not isinstance(metrics, dict) or "stats" not in metrics or "names" not in metrics:
            raise InputError(f"{arguments.stats}: expected an object with 'names' and 'stats'")
        official = official_stats(arguments.gt, arguments.dt)
    except InputError as error:
        print(f"pycocotools_compare: {error}", file=sys.stderr)
        return 2
    difference = compare(metrics["names"], [float(value) for value in metrics["stats"]], official)
    if difference is not None:
        print(f"pycocotools_compare: {difference}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
