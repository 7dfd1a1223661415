#!/usr/bin/env python3
"""Compares what `pose_eval explain --json` says with a computation of its own.

    explain_check.py --gt=GT.json --dt=DT.json --explanation=EXPLANATION.json

Diagnoses every keypoint in numpy, from the definitions of Ronchi and Perona (ICCV 2017) as eval/explain.md states them,
corrects the detections of each kind and lets pycocotools score them. Exits 0 where every person, keypoint and AP
agrees (APs to 1e-9), 1 with the differences, and 2 where an input cannot be used. Needs pycocotools.
"""

import argparse
import collections
import contextlib
import copy
import os
import sys

import numpy as np
from pycocotools_compare import InputError, read_json

TOLERANCE = 1e-9  # corrected keypoints are placed to 1e-9 of their distance; APs move by steps far larger
LOCALISATION, MIRRORED, GOOD, NEAR = 0.1, 0.5, 0.85, 0.5
KEPT = 20
COCO_PAIRS = [(1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)]
COCO_SIGMAS = [0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89]
CROWDPOSE_PAIRS = [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11)]
CROWDPOSE_SIGMAS = [0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89, 0.79, 0.79]
LETTERS = {"m": "miss", "s": "swap", "i": "inversion", "j": "jitter"}
ORDER = ["miss", "swap", "inversion", "jitter"]


def points(record):
    return np.asarray(record["keypoints"], dtype=float).reshape(-1, 3)


class Checker:
    """The annotations and detections of one evaluation, and what is wrong with them."""

    def __init__(self, gt, detections, crowdpose):
        self.sigmas = np.asarray(CROWDPOSE_SIGMAS if crowdpose else COCO_SIGMAS) / 10
        self.mirror = np.arange(len(self.sigmas))
        for left, right in CROWDPOSE_PAIRS if crowdpose else COCO_PAIRS:
            self.mirror[[left, right]] = right, left
        self.gt, self.detections = gt, detections
        for annotation in gt["annotations"]:
            if crowdpose:
                annotation["area"] = annotation["bbox"][2] * annotation["bbox"][3] * 0.53
        self.annotations = self.by_image(gt["annotations"])
        self.exchanged = [0, 0]  # persons who fit better with left and right exchanged: of both rounds of matching

    @staticmethod
    def by_image(records):
        groups = collections.defaultdict(list)
        for position, record in enumerate(records):
            groups[record["image_id"], record["category_id"]].append((position, record))
        return groups

    def similarity(self, detected, place, area):
        """Of each keypoint, whether labelled or not."""
        squares = ((detected[:, :2] - place[:, :2]) ** 2).sum(axis=1)
        return np.exp(-squares / (2 * area * (2 * self.sigmas) ** 2))

    def oks(self, detected, annotation):
        place = points(annotation)
        labelled = place[:, 2] > 0
        if labelled.any():
            return self.similarity(detected, place, annotation["area"])[labelled].mean()
        # people without keypoints: how far outside of three times their box
        x, y, width, height = annotation["bbox"]
        nearest = np.clip(detected[:, :2], [x - width, y - height], [x + 2 * width, y + 2 * height])
        return self.similarity(detected, np.hstack([nearest, nearest[:, :1]]), annotation["area"]).mean()

    def match(self, kept, persons):
        """Of each detection the person it belongs to, or None: once as the paper has it, once with mirrored poses."""
        oks = np.array([[self.oks(points(d), p) for _, p in persons] for _, d in kept]).reshape(len(kept), -1)
        ignored = [bool(p["iscrowd"]) or p["num_keypoints"] == 0 for _, p in persons]
        matches, taken = [None] * len(kept), set()
        for i in range(len(kept)):
            for group in (False, True):
                free = [j for j, (_, p) in enumerate(persons)
                        if ignored[j] == group and (j not in taken or p["iscrowd"]) and oks[i, j] >= LOCALISATION]
                if free and matches[i] is None:
                    # of equals the last
                    matches[i] = max(free, key=lambda j, row=i: (oks[row, j], j))
            if matches[i] is not None:
                taken.add(matches[i])
        mirrored = [None] * len(kept)
        for i, (_, detection) in enumerate(kept):
            if matches[i] is not None and not ignored[matches[i]]:
                continue
            exchanged = points(detection)[self.mirror]
            free = [(self.oks(exchanged, p), j) for j, (_, p) in enumerate(persons) if j not in taken and not ignored[j]]
            if free and max(free)[0] >= MIRRORED:
                mirrored[i] = max(free)[1]
                taken.add(mirrored[i])
        drop = lambda found: [None if j is not None and ignored[j] else j for j in found]
        return drop(matches), drop(mirrored)

    def kinds(self, detection, own, persons):
        """A letter a keypoint, and the similarity with the place that it was taken for."""
        detected = points(detection)
        letters, nearest = "", np.zeros(len(detected))
        candidates = [("g", own, False)] + [("s", p, False) for _, p in persons if p is not own]
        candidates += [("i", own, True)] + [("s", p, True) for _, p in persons if p is not own]
        table = []
        for letter, person, mirrored in candidates:
            place = points(person)[self.mirror] if mirrored else points(person)
            table.append(np.where(place[:, 2] > 0, self.similarity(detected, place, person["area"]), 0))
        table = np.nan_to_num(np.array(table))
        for k, labelled in enumerate(points(own)[:, 2] > 0):
            best = int(table[:, k].argmax())
            nearest[k] = table[best, k]
            letter = candidates[best][0]
            if nearest[k] < NEAR:
                letter = "m"
            elif letter == "g" and nearest[k] < GOOD:
                letter = "j"
            letters += letter if labelled else "-"
        return letters, nearest

    def diagnose(self):
        """Rows (annotation, detection, mirrored, letters, nearest), positions in the files."""
        rows = []
        for key, found in self.by_image(self.detections).items():
            order = np.argsort([-d["score"] for _, d in found], kind="mergesort")[:KEPT]
            kept, persons = [found[i] for i in order], self.annotations.get(key, [])
            if not persons:
                continue
            for mirrored, matches in enumerate(self.match(kept, persons)):
                for (position, detection), match in zip(kept, matches):
                    if match is not None:
                        letters, nearest = self.kinds(detection, persons[match][1], persons)
                        as_detected = self.oks(points(detection), persons[match][1])
                        exchanged = self.oks(points(detection)[self.mirror], persons[match][1])
                        self.exchanged[bool(mirrored)] += exchanged > as_detected and exchanged >= MIRRORED
                        rows.append((persons[match][0], position, bool(mirrored), letters, nearest))
        return rows

    def corrected(self, rows, letters):
        """The detections with the keypoints of some kinds corrected."""
        result = copy.deepcopy(self.detections)
        for annotation, detection, _, kinds, nearest in rows:
            own = self.gt["annotations"][annotation]
            for k, letter in enumerate(kinds):
                if letter not in letters:
                    continue
                similarity = {"j": GOOD, "m": NEAR}.get(letter, nearest[k])
                distance = np.sqrt(-2 * own["area"] * (2 * self.sigmas[k]) ** 2 * np.log(similarity)) * (1 - 1e-9)
                result[detection]["keypoints"][3 * k] = own["keypoints"][3 * k] + float(distance)
                result[detection]["keypoints"][3 * k + 1] = own["keypoints"][3 * k + 1]
        return result

    def rescored(self, detections):
        """Each scores its highest OKS with a person; soft non-maximum suppression lowers what resembles a better one."""
        detections = copy.deepcopy(detections)
        for key, found in self.by_image(detections).items():
            persons = [p for _, p in self.annotations.get(key, []) if not p["iscrowd"] and p["num_keypoints"] > 0]
            places = [points(d) for _, d in found]
            scores = [max([self.oks(place, p) for p in persons], default=0.0) for place in places]
            areas = [np.prod(place[:, :2].max(axis=0) - place[:, :2].min(axis=0)) for place in places]
            left = list(range(len(found)))
            while len(left) > 1:
                best = left.pop(int(np.argmax([scores[i] for i in left])))
                for i in left:
                    if scores[i] > 0:
                        oks = self.similarity(places[i], places[best], (areas[i] + areas[best]) / 2 + np.spacing(1)).mean()
                        scores[i] *= np.exp(-(oks**2) / 0.5)
            for (_, detection), score in zip(found, scores):
                detection["score"] = float(score)
        return detections


def evaluate(gt, detections, sigmas):
    """A COCOeval that has evaluated and accumulated, over all areas."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        annotations = COCO()
        annotations.dataset = copy.deepcopy(gt)
        annotations.createIndex()
        evaluation = COCOeval(annotations, annotations.loadRes(copy.deepcopy(detections)), "keypoints")
        evaluation.params.kpt_oks_sigmas = sigmas
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def ap(evaluation):
    precision = evaluation.eval["precision"]
    return float(precision[precision > -1].mean())


def without(evaluation, false_positives, missed):
    """AP where detections that find nobody, or persons who are not found, count for nothing at each threshold."""
    aps = []
    for t in range(len(evaluation.params.iouThrs)):
        changed = copy.deepcopy(evaluation)
        for image in changed.evalImgs:
            if image is None:
                continue
            if false_positives:
                image["dtIgnore"][t] |= image["dtMatches"][t] == 0
            if missed:
                image["gtIgnore"] = np.where(image["gtMatches"][t] == 0, 1, image["gtIgnore"])
        with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
            changed.accumulate()
        precision = changed.eval["precision"][t]
        aps.append(float(precision[precision > -1].mean()) if (precision > -1).any() else 0.0)
    return float(np.mean(aps))


def expected_aps(checker, rows):
    """{kind: (alone, in turn)} by pycocotools."""
    score = lambda detections: evaluate(checker.gt, detections, checker.sigmas)
    measured = score(checker.detections)
    aps, letters = {"measured": (ap(measured), ap(measured))}, ""
    of_kind = {kind: letter for letter, kind in LETTERS.items()}
    for kind in ORDER:
        letters += of_kind[kind]
        alone = ap(score(checker.corrected(rows, of_kind[kind])))
        aps[kind] = (alone, ap(score(checker.corrected(rows, letters))))
    rescored = score(checker.rescored(checker.corrected(rows, letters)))
    aps["scoring"] = (ap(score(checker.rescored(checker.detections))), ap(rescored))
    aps["background"] = (without(measured, True, False), without(rescored, True, False))
    aps["missed"] = (without(measured, False, True), 1.0)
    return aps


def compare_people(checker, rows, explanation):
    """Differences between the persons, as lines."""
    ids = [a["id"] for a in checker.gt["annotations"]]
    expected = {(ids[a], d): (mirrored, letters) for a, d, mirrored, letters, _ in rows}
    found = {(p["annotation_id"], p["detection"]): (p["mirrored"], p["kinds"]) for p in explanation["people"]}
    differences = []
    for key in sorted(set(expected) | set(found)):
        if expected.get(key) != found.get(key):
            differences.append(f"person {key[0]}, detection {key[1]}: {found.get(key)}, here {expected.get(key)}")
    return differences


def compare_errors(name, errors, rows, aps):
    """Differences between counts and APs, as lines."""
    differences = []
    for error in errors:
        kind = error["kind"]
        letter = next((letter for letter, of in LETTERS.items() if of == kind), None)
        pairs = [("ap_alone", aps[kind][0]), ("ap_in_turn", aps[kind][1])]
        if letter:
            pairs.append(("keypoints", sum(letters.count(letter) for _, _, _, letters, _ in rows)))
            pairs.append(("persons", sum(letter in letters for _, _, _, letters, _ in rows)))
        for field, value in pairs:
            print(f"{name:<8} {kind:<11} {field:<11} {error[field]:<22} {value}")
            if not abs(error[field] - value) <= TOLERANCE:
                differences.append(f"{name}, {kind}, {field}: {error[field]}, here {value}")
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gt", required=True, help="annotations")
    parser.add_argument("--dt", required=True, help="detections")
    parser.add_argument("--explanation", required=True, help="what `pose_eval explain --json` wrote for them")
    arguments = parser.parse_args()
    try:
        explanation = read_json(arguments.explanation)
        checker = Checker(read_json(arguments.gt), read_json(arguments.dt), explanation["dataset"] == "crowdpose")
    except InputError as error:
        print(f"explain_check: {error}", file=sys.stderr)
        return 2
    rows = checker.diagnose()
    differences = compare_people(checker, rows, explanation)
    found = explanation["counts"]["exchanged_persons"]
    if found != sum(checker.exchanged):
        differences.append(f"persons who fit better exchanged: {found}, here {sum(checker.exchanged)}")
    aps = expected_aps(checker, rows)
    if abs(explanation["ap"] - aps["measured"][0]) > TOLERANCE:
        differences.append(f"AP {explanation['ap']}, here {aps['measured'][0]}")
    differences += compare_errors("ours", explanation["errors"], rows, aps)
    paper_rows = [row for row in rows if not row[2]]
    paper_aps = expected_aps(checker, paper_rows) if len(paper_rows) < len(rows) else aps
    differences += compare_errors("paper", explanation["paper_matching"]["errors"], paper_rows, paper_aps)
    print(f"{len(rows)} persons, {len(rows) - len(paper_rows)} of them mirrored; {len(differences)} differences")
    for difference in differences[:20]:
        print(f"explain_check: {difference}", file=sys.stderr)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
