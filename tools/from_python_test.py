#!/usr/bin/env python3
"""Holds docs/from_python.md to the official program and to ours: every official name has a row, every field and flag that
a row names exists, values that stand for themselves are those of the published experiment, every command runs."""

import functools
import os
import re
import shlex
import subprocess
import sys
import unittest
from pathlib import Path

PROGRAM = "tools/grouppose"
PAGE = Path("docs/from_python.md")
PUBLISHED = "experiments/grouppose_r50_coco.textproto"

# Michel-liu/GroupPose, commit 127fe0e: the parser of main.py.
FLAGS = """--config_file -c --options --backbone --swin_pretrain_path --dataset_file --coco_path --remove_difficult --output_dir
--note --device --seed --resume --pretrain_model_path --finetune_ignore --start_epoch --eval --num_workers --find_unused_params
--save_log --world_size --dist_url --rank --local_rank --amp""".split()

# The same commit: config/grouppose.py with the data_aug keys of config/coco_transformer.py, and their values.
KEYS = {
    "lr": "0.0001", "param_dict_type": "default", "lr_backbone": "1e-05", "lr_backbone_names": "['backbone.0']",
    "lr_linear_proj_names": "['reference_points', 'sampling_offsets']", "lr_linear_proj_mult": "0.1", "batch_size": "2",
    "weight_decay": "0.0001", "epochs": "60", "lr_drop": "50", "save_checkpoint_interval": "10", "clip_max_norm": "0.1",
    "modelname": "grouppose", "frozen_weights": "None", "use_checkpoint": "False", "dilation": "False",
    "position_embedding": "sine", "pe_temperatureH": "20", "pe_temperatureW": "20", "return_interm_indices": "[1, 2, 3]",
    "backbone_freeze_keywords": "None", "hidden_dim": "256", "dropout": "0.0", "dim_feedforward": "2048", "enc_layers": "6",
    "dec_layers": "6", "pre_norm": "False", "return_intermediate_dec": "True", "enc_n_points": "4", "dec_n_points": "4",
    "learnable_tgt_init": "False", "transformer_activation": "relu", "num_classes": "2", "nheads": "8", "num_queries": "100",
    "num_feature_levels": "4", "dec_pred_class_embed_share": "False", "dec_pred_pose_embed_share": "False",
    "two_stage_type": "standard", "two_stage_bbox_embed_share": "False", "two_stage_class_embed_share": "False",
    "cls_no_bias": "False", "num_body_points": "17", "focal_alpha": "0.25", "cls_loss_coef": "2.0",
    "keypoints_loss_coef": "10.0", "oks_loss_coef": "4.0", "interm_loss_coef": "1.0", "no_interm_loss": "False",
    "aux_loss": "True", "matcher_type": "HungarianMatcher", "set_cost_class": "2.0", "set_cost_keypoints": "10.0",
    "set_cost_oks": "4.0", "num_select": "50", "use_ema": "False", "ema_decay": "0.9997", "ema_epoch": "0",
    "data_aug_scales": "[480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800]", "data_aug_max_size": "1333",
    "data_aug_scales2_resize": "[400, 500, 600]", "data_aug_scales2_crop": "[384, 600]", "data_aug_scale_overlap": "None",
}  # fmt: skip

# Ours says it in its own way: an enum in capitals, and what is empty or 0 means the official value.
OWN_WORDS = {
    "param_dict_type": "BACKBONE", "transformer_activation": "RELU", "pe_temperatureW": "0", "return_interm_indices": None,
    "backbone_freeze_keywords": None,
}  # fmt: skip


@functools.lru_cache(maxsize=None)
def run(*arguments):
    done = subprocess.run([PROGRAM] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stdout, done.stderr


def section(title):
    text = PAGE.read_text(encoding="utf-8")
    match = re.search(r"^## %s\n(.*?)(?=^## |\Z)" % re.escape(title), text, re.M | re.S)
    assert match, "no section " + title
    return match.group(1)


def rows(title):
    for line in section(title).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| `"):
            yield [cell.rstrip(" |") for cell in cells]


def codes(cell):
    return re.findall(r"`([^`]+)`", cell)


def resolved():
    """The published experiment as {path: text of the value}, lists as [a, b]."""
    code, text, errors = run("config", "show", PUBLISHED)
    assert code == 0, errors
    values, path = {}, []
    for line in text.splitlines():
        line = line.strip()
        if line.endswith("{"):
            path.append(line[:-1].strip())
        elif line == "}":
            path.pop()
        else:
            name, value = line.split(": ", 1)
            values[".".join(path + [name])] = value
    return values


class FromPython(unittest.TestCase):
    def setUp(self):
        self.roots = re.findall(r"^  (\w+)  ", run("config", "explain")[1], re.M)
        self.assertIn("training", self.roots)
        self.paths = []

    def tearDown(self):
        """Every field that was named exists; one call, for starting the program takes time."""
        if self.paths:
            code, _, errors = run("config", "explain", *self.paths)
            self.assertEqual(code, 0, errors)

    def check_names(self, text):
        """Flags that a cell puts in code exist; fields are remembered for tearDown."""
        for code in codes(text):
            code = code.split("=")[0]
            if code.startswith(("train --", "evaluate --")):
                subcommand, flag = code.split()
                self.assertRegex(run(subcommand, "--help")[1], r"(?m)^ +%s(?!\w)" % flag)
            elif re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", code) and code.split(".")[0] in self.roots:
                self.paths.append(code)
            elif code in ("train", "evaluate"):
                self.assertEqual(run(code, "--help")[0], 0, code)

    def check_ours(self, name, ours, note):
        if ours.startswith("refused, because"):
            self.assertTrue(note, name + ": no reason")
        else:
            self.assertTrue(codes(ours), name + ": neither ours nor refused")
        self.check_names(ours + " " + note)

    def test_every_flag_has_a_row(self):
        found = []
        for official, ours, note in ((r + [""])[:3] for r in rows("Flags of main.py")):
            found += codes(official)
            self.check_ours(official, ours, note)
        self.assertEqual(found, FLAGS)

    def test_every_key_has_a_row(self):
        values = resolved()
        found, compared = {}, 0
        for official, value, ours, note in ((r + [""])[:4] for r in rows("Keys of the configuration")):
            name = codes(official)[0]
            found[name] = value
            self.check_ours(name, ours, note)
            path = re.fullmatch(r"`([a-z_.0-9]+)`", ours)
            if not path:
                continue
            expected = OWN_WORDS.get(name, value)
            actual = values.get(path.group(1))
            with self.subTest(name):
                if expected is None:
                    self.assertIsNone(actual)
                elif re.fullmatch(r"[\d.e-]+", expected):
                    self.assertEqual(float(actual), float(expected))
                else:
                    self.assertEqual(actual, {"True": "true", "False": "false"}.get(expected, expected))
            compared += 1
        self.assertEqual(found, KEYS)
        self.assertGreater(compared, 40)

    def test_every_command_runs(self):
        blocks = re.findall(r"^```\n(.*?)^```", section("Commands"), re.M | re.S)
        commands = [c for block in blocks for c in block.replace("\\\n", " ").strip().splitlines()]
        subcommands = []
        for command in commands:
            words = shlex.split(command)
            if words[:2] == ["./bazelw", "test"]:
                continue
            self.assertEqual(words[:4], ["./bazelw", "run", "//tools:grouppose", "--"], command)
            arguments = words[4:]
            subcommands.append(arguments[0])
            # the flags of the others are looked at, their files are not there
            arguments = arguments + ["--dry_run"] if arguments[0] in ("train", "evaluate") else arguments[:2] + ["--help"]
            code, out, errors = run(*arguments)
            self.assertEqual(code, 0, command + "\n" + errors)
            if arguments[-1] == "--dry_run":
                self.assertIn("dry run: nothing was written", out)
                self.assertIn("not looked at", out)
        self.assertEqual(subcommands.count("train"), 5)
        self.assertEqual(subcommands.count("evaluate"), 2)
        self.assertFalse(os.path.exists("path"))


if __name__ == "__main__":
    unittest.main()
