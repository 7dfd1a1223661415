#!/usr/bin/env python3
"""Follows docs/your_dataset.md: its files are written, its commands run, and what it shows is what the program prints. The
photos are drawn people, of whose keypoints five are kept, and the model is a small one."""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAMS = {"//tools:grouppose": os.path.abspath("tools/grouppose"), "//eval:pose_eval": os.path.abspath("eval/pose_eval")}
PAGE = Path("docs/your_dataset.md").read_text(encoding="utf-8")
EXPERIMENTS = os.path.abspath("experiments")

# Of COCO's seventeen: nose, shoulders, hips.
CHOSEN = [0, 5, 6, 11, 12]

# What makes any experiment one of seconds.
SMALL = """
data.source=COCO
data.augmentation={ scales: 64 max_size: 64 crop_probability: 0 evaluation_scale: 64 evaluation_max_size: 64 }
model.backbone={ kind: SMALL_RESNET stem_channels: 8 stage_channels: [8, 8, 16] blocks_per_stage: 1 norm_groups: 4 }
model.hidden_dim=32
model.num_heads=2
model.feedforward_dim=32
model.encoder_layers=1
model.decoder_layers=2
model.num_queries=8
evaluation.num_select=8
training.steps=2
""".strip().splitlines()


def blocks():
    """The fenced blocks, each with the line before it."""
    return re.findall(r"^([^\n]*)\n\n```\n(.*?)^```", PAGE, re.M | re.S)


def commands():
    found = []
    for _, text in blocks():
        if text.startswith("./bazelw"):
            found += text.replace("\\\n", " ").strip().splitlines()
    return found


class YourDatasetTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        os.symlink(EXPERIMENTS, os.path.join(cls.folder, "experiments"))
        for before, text in blocks():
            name = re.fullmatch(r"`(mine/[a-z_]+\.textproto)`:", before)
            if name:
                path = Path(cls.folder, name.group(1))
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
        cls.draw()

    @classmethod
    def run_program(cls, label, *arguments):
        done = subprocess.run(
            [PROGRAMS[label]] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, BUILD_WORKING_DIRECTORY=cls.folder),
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    @classmethod
    def draw(cls):
        """Drawn people as the page's DATA: train.json, val.json and photos."""
        code, _, errors = cls.run_program(
            "//tools:grouppose", "dataset", "synthesize", "--experiment=experiments/tiny.textproto", "--output=drawn",
            "--set=data.synthetic.train_images=8", "--set=data.synthetic.test_images=4", "--set=training.batch_size=4",
            "--set=pretraining.heatmap.steps=0", "--set=pretraining.stage_one.steps=0",
        )  # fmt: skip
        assert code == 0, errors
        photos = Path(cls.folder, "DATA/photos")
        photos.mkdir(parents=True)
        for split in ["train", "val"]:
            drawn = Path(cls.folder, "drawn")
            file = drawn / ("annotations/person_keypoints_%s2017.json" % split)
            dataset = json.loads(file.read_text(encoding="utf-8"))
            for image in dataset["images"]:
                # both splits count from one
                name = ("" if split == "train" else "val_") + image["file_name"]
                os.rename(drawn / "images" / (split + "2017") / image["file_name"], photos / name)
                image["file_name"] = name
            for annotation in dataset["annotations"]:
                keypoints = annotation["keypoints"]
                annotation["keypoints"] = [number for k in CHOSEN for number in keypoints[3 * k : 3 * k + 3]]
                annotation["num_keypoints"] = sum(v > 0 for v in annotation["keypoints"][2::3])
            dataset["categories"] = [{"id": 1, "name": "person"}]
            Path(cls.folder, "DATA/%s.json" % split).write_text(json.dumps(dataset), encoding="utf-8")

    def run_command(self, command):
        words = shlex.split(command)
        self.assertEqual(words[:2] + words[3:4], ["./bazelw", "run", "--"], command)
        arguments = words[4:]
        if arguments[0] in ("train", "evaluate", "predict"):
            arguments += ["--set=" + override for override in SMALL] + ["--threads=1", "--quiet"]
        code, out, errors = self.run_program(words[2], *arguments)
        self.assertEqual(code, 0, command + "\n" + out + errors)
        return out

    def test_every_command_runs(self):
        # a stand-in for the published model: 17 keypoints, as small
        small = ["--set=" + override for override in SMALL]
        code, out, errors = self.run_program(
            "//tools:grouppose", "train", "--experiment=experiments/tiny.textproto", "--output=coco", "--threads=1", "--quiet",
            "--set=data.source=SYNTHETIC", "--set=data.evaluation_split=test", "--set=training.batch_size=4",
            "--set=data.synthetic.train_images=8", "--set=data.synthetic.test_images=4",
            "--set=pretraining.heatmap.steps=0", "--set=pretraining.stage_one.steps=0", "--set=training.schedule.warmup_steps=0",
            *[override for override in small if "data." not in override]
        )  # fmt: skip
        self.assertEqual(code, 0, out + errors)
        os.rename(
            os.path.join(self.folder, "coco/checkpoints/step00000002.safetensors"),
            os.path.join(self.folder, "grouppose_r50_coco.pth"),
        )
        outputs = [self.run_command(command) for command in commands()]
        self.assertEqual([command.split()[4] for command in commands()], ["dataset", "train", "evaluate", "score", "predict"])
        self.assertTrue(outputs[0].endswith("\nusable, 0 warnings\n"), outputs[0])
        # evaluation inside and outside of the program agree
        metrics = Path(self.folder, "runs/upper_body_val/metrics.textproto").read_text(encoding="utf-8")
        ap = float(re.search(r'name: "AP"\s+value: (\S+)', metrics).group(1))
        self.assertEqual(float(re.search(r"^AP +(\S+)", outputs[3], re.M).group(1)), round(ap, 4))
        resolved = Path(self.folder, "runs/upper_body/experiment.textproto").read_text(encoding="utf-8")
        self.assertIn('name: "left_hip"', resolved)
        results = json.loads(Path(self.folder, "runs/upper_body_val/results.json").read_text(encoding="utf-8"))
        self.assertEqual({len(result["keypoints"]) for result in results}, {15})
        results = json.loads(Path(self.folder, "runs/upper_body_poses/results.json").read_text(encoding="utf-8"))
        self.assertEqual({len(result["keypoints"]) for result in results}, {15})
        self.assertEqual(len(os.listdir(os.path.join(self.folder, "runs/upper_body_poses/drawings"))), 12)

    def test_the_report_on_the_page_is_what_the_program_prints(self):
        faulty = os.path.join(self.folder, "faulty")
        subprocess.run(["cp", "-r", os.path.join(self.folder, "DATA"), faulty], check=True)
        os.remove(os.path.join(faulty, "photos/000000000003.png"))
        val = Path(faulty, "val.json")
        dataset = json.loads(val.read_text(encoding="utf-8"))
        dataset["annotations"][0]["keypoints"][:3] = [-5, 4, 2]
        val.write_text(json.dumps(dataset), encoding="utf-8")
        code, out, errors = self.run_program(
            "//tools:grouppose", "dataset", "check", "--data=faulty", "--dataset=mine/upper_body.textproto", "--quiet"
        )
        self.assertEqual(code, 1, out + errors)
        shown = [text for _, text in blocks() if text.startswith("DATA: upper_body")]
        self.assertEqual([out.replace(faulty, "DATA")], shown)
        self.assertIn("dataset check: ", errors)


if __name__ == "__main__":
    unittest.main()
