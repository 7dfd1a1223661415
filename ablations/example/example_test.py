#!/usr/bin/env python3
"""The README's scheme of one's own is this folder's, has at most 20 lines, and trained."""

import json
import re
import unittest
from pathlib import Path

ABLATIONS = Path("ablations")
CELL = ABLATIONS / "example" / "mine.mine.seed0"


def code_blocks(language):
    page = (ABLATIONS / "README.md").read_text()
    return re.findall("```%s\n(.*?)```" % language, page, re.DOTALL)


class ExampleTest(unittest.TestCase):
    def test_readme_shows_the_scheme(self):
        source = (ABLATIONS / "example" / "my_scheme.cc").read_text()
        self.assertIn(source, code_blocks("cpp"))
        self.assertLessEqual(len(source.splitlines()), 20)

    def test_readme_shows_the_build_lines(self):
        build = (ABLATIONS / "example" / "BUILD").read_text()
        shown = [block for block in code_blocks("python") if "attention_scheme" in block]
        self.assertEqual(len(shown), 1)
        self.assertIn(shown[0], build)

    def test_it_trained_and_is_in_the_report(self):
        metrics = (CELL / "metrics.textproto").read_text()
        self.assertIn("training_steps: 60\n", metrics)
        # two layers, 16 instances of 18 tokens within, 16 x 16 instance tokens across
        self.assertIn("attention_pairs: %d\n" % (2 * (16 * 18 * 18 + 16 * 16)), metrics)
        self.assertIn("self_attention: CUSTOM\n", (CELL / "experiment.textproto").read_text())
        losses = [json.loads(line)["loss"] for line in (CELL / "log.jsonl").read_text().splitlines()]
        self.assertLess(losses[-1], losses[0])
        report = json.loads((ABLATIONS / "example" / "mine_report" / "report.json").read_text())
        self.assertEqual([row["variant"] for row in report["variants"]], ["group", "mine"])


if __name__ == "__main__":
    unittest.main()
