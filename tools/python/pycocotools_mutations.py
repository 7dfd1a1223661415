#!/usr/bin/env python3
"""Hunts for differences between pose_eval and pycocotools on input that no data set has.

    pycocotools_mutations.py --pose_eval=PROGRAM --count=100 CASE...

A CASE is a folder with gt.json and dt.json. Every round takes one, changes it at random (ids that repeat, categories,
crowds, NaN, areas at the borders, ties, missing boxes ...), and compares what both say: the same bits, or a refusal by
both. A round depends on its seed and the cases alone. Exits 1 at the first difference and leaves its files where it says.
Needs pycocotools.
"""

import argparse
import contextlib
import copy
import io
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import warnings

import numpy
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

NAN, INFINITY = float("nan"), float("inf")
KEYPOINTS = 17


class Case:
    """Annotations, detections and a random source; `some` picks a part of a list."""

    def __init__(self, folder, seed):
        self.random = random.Random(seed)
        with open(os.path.join(folder, "gt.json"), encoding="utf-8") as file:
            self.gt = json.load(file)
        with open(os.path.join(folder, "dt.json"), encoding="utf-8") as file:
            self.dt = json.load(file)
        self.add_detections()

    @property
    def annotations(self):
        return self.gt["annotations"]

    @property
    def images(self):
        return self.gt["images"]

    def some(self, records, share=0.3):
        return [record for record in records if self.random.random() < share]

    def each(self, records, key, choices, share=0.3):
        for record in self.some(records, share):
            record[key] = self.random.choice(choices)

    def add_detections(self):
        """Annotated poses with noise, so that matches of every quality occur."""
        for annotation in self.annotations:
            for _ in range(self.random.choice([0, 0, 1, 2])):
                spread = self.random.choice([0, 1, 3, 10])
                keypoints = list(annotation["keypoints"])
                for i in range(KEYPOINTS):
                    keypoints[3 * i] += self.random.gauss(0, 1) * spread
                    keypoints[3 * i + 1] += self.random.gauss(0, 1) * spread
                self.dt.append({"image_id": annotation["image_id"], "category_id": annotation["category_id"],
                                "keypoints": keypoints, "score": self.random.random()})


# Each mutation changes a case in place.


def repeat_annotation_ids(case):
    if case.annotations:
        case.each(case.annotations, "id", [annotation["id"] for annotation in case.annotations])


def odd_annotation_ids(case):
    case.each(case.annotations, "id", [0, 0, -1, -7, -10**12])


def repeat_images(case):
    case.images.extend(copy.deepcopy(case.some(case.images)))


def annotate_unknown_images(case):
    case.each(case.annotations, "image_id", [10**12, 10**12 + 1], 0.1)


def drop_images(case):
    kept = {image["id"] for image in case.images[: max(1, len(case.images) // 2)]}
    case.gt["images"] = [image for image in case.images if image["id"] in kept]
    case.dt = [detection for detection in case.dt if detection["image_id"] in kept]


def several_categories(case):
    ids = [case.random.randint(-2, 4) for _ in range(case.random.randint(1, 3))]
    case.gt["categories"] = [dict(case.gt["categories"][0], id=i) for i in ids]
    case.each(case.annotations, "category_id", ids)
    case.each(case.dt, "category_id", ids)


def unknown_categories(case):
    case.each(case.dt, "category_id", [0, 2, 99])


def crowds(case):
    case.each(case.annotations, "iscrowd", [0, 1, 2, True, False])


def ignored_persons(case):
    case.each(case.annotations, "num_keypoints", [0, 0.0, 3.0])


def odd_visibilities(case):
    for annotation in case.some(case.annotations):
        if case.random.random() < 0.5:
            annotation["keypoints"][2::3] = [0] * KEYPOINTS
        else:
            annotation["keypoints"][2::3] = [case.random.choice([-1, 0, 1, 2, 0.5, NAN]) for _ in range(KEYPOINTS)]


def odd_areas(case):
    case.each(case.annotations, "area", [0, -1, 1e-300, -2.220446049250313e-16, 1e11, NAN])


def areas_at_borders(case):
    case.each(case.annotations, "area", [1024, 9216, 1023.9999999, 1024.0000001, 9215.999999, 9216.000001, 10**10])


def odd_annotation_boxes(case):
    for annotation in case.some(case.annotations):
        annotation["bbox"][case.random.randrange(4)] = case.random.choice([0, -5, 1e-9, NAN, INFINITY])


def tied_scores(case):
    for detection in case.dt:
        if math.isfinite(detection["score"]):
            detection["score"] = round(detection["score"], 1)


def odd_scores(case):
    case.each(case.dt, "score", [0, 1, -1, -0.5, 0.0, -0.0, NAN, INFINITY, -INFINITY], 0.4)


def odd_coordinates(case):
    for detection in case.some(case.dt, 0.2):
        value = case.random.choice([NAN, INFINITY, -INFINITY, 1e154, 1e200, -1e308])
        detection["keypoints"][case.random.randrange(3 * KEYPOINTS)] = value


def boxes_everywhere(case):
    for detection in case.dt:
        detection["bbox"] = [0, 0, case.random.choice([32, 96, 200 * case.random.random(), -3, 0]), 96]


def boxes_but_for_the_first(case):
    boxes_everywhere(case)
    if case.dt:
        del case.dt[0]["bbox"]


def first_box_empty(case):
    if case.dt:
        case.dt[0]["bbox"] = []


def repeat_detections(case):
    case.dt.extend(copy.deepcopy(case.some(case.dt)))


def float_ids(case):
    for record in case.some(case.dt) + case.some(case.annotations):
        record["image_id"] = float(record["image_id"])


def shuffle(case):
    for records in (case.images, case.annotations, case.dt):
        case.random.shuffle(records)


MUTATIONS = [
    repeat_annotation_ids, odd_annotation_ids, repeat_images, annotate_unknown_images, drop_images, several_categories,
    unknown_categories, crowds, ignored_persons, odd_visibilities, odd_areas, areas_at_borders, odd_annotation_boxes,
    tied_scores, odd_scores, odd_coordinates, boxes_everywhere, boxes_but_for_the_first, first_box_empty,
    repeat_detections, float_ids, shuffle,
]


def official(gt_path, dt_path, is_empty):
    """Stats, recalls and the first category's curves at OKS 0.5 and 0.75; None where pycocotools raises."""
    with contextlib.redirect_stdout(io.StringIO()), numpy.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            annotations = COCO(gt_path)
            evaluation = COCOeval(annotations, COCO() if is_empty else annotations.loadRes(dt_path), "keypoints")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        except Exception:  # whatever it raises
            return None
    curves = evaluation.eval["precision"][[0, 5], :, 0, 0, 0].tolist()
    return evaluation.stats.tolist(), evaluation.eval["recall"][..., 0].tolist(), curves


def ours(program, gt_path, dt_path, json_path):
    """The same of pose_eval; None where it refuses."""
    command = [program, "score", "--gt=" + gt_path, "--dt=" + dt_path, "--json=" + json_path, "--details"]
    code = subprocess.run(command, capture_output=True, check=False).returncode
    if code == 2:
        return None
    if code != 0:
        raise RuntimeError(f"{' '.join(command)}: exit code {code}")
    with open(json_path, encoding="utf-8") as file:
        metrics = json.load(file)
    return metrics["stats"], metrics["recall_TA"], metrics["precision_all_k0"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pose_eval", required=True, metavar="PROGRAM")
    parser.add_argument("--count", type=int, default=100, help="rounds [100]")
    parser.add_argument("--first_seed", type=int, default=0)
    parser.add_argument("cases", nargs="+", metavar="CASE")
    arguments = parser.parse_args()

    folder = tempfile.mkdtemp(prefix="pycocotools_mutations.")
    gt_path, dt_path, json_path = (os.path.join(folder, name) for name in ("gt.json", "dt.json", "ours.json"))
    accepted = refused = 0
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.count):
        name = arguments.cases[seed % len(arguments.cases)]
        case = Case(name, seed)
        mutations = case.random.sample(MUTATIONS, case.random.randint(1, 6))
        for mutation in mutations:
            mutation(case)
        for path, content in ((gt_path, case.gt), (dt_path, case.dt)):
            with open(path, "w", encoding="utf-8") as file:
                json.dump(content, file)
        theirs, mine = official(gt_path, dt_path, not case.dt), ours(arguments.pose_eval, gt_path, dt_path, json_path)
        if theirs != mine:
            changes = ", ".join(mutation.__name__ for mutation in mutations)
            print(f"pycocotools_mutations: seed {seed}, {name}, {changes}: ours "
                  f"{mine and mine[0]}, pycocotools {theirs and theirs[0]}; the files are in {folder}", file=sys.stderr)
            return 1
        accepted += theirs is not None
        refused += theirs is None
    for path in (gt_path, dt_path, json_path):
        if os.path.exists(path):
            os.remove(path)
    os.rmdir(folder)
    print(f"{arguments.count} mutations: {accepted} accepted with equal bits, {refused} refused by both")
    return 0


if __name__ == "__main__":
    sys.exit(main())
