#!/usr/bin/env python3
"""README.md shows one C++ program, which has been built from it, and what that program prints."""

import re
import subprocess
import unittest
from pathlib import Path


class ReadmeTest(unittest.TestCase):
    def test_the_example_prints_what_the_page_says(self):
        page = Path("eval/README.md").read_text(encoding="utf-8")
        self.assertEqual(page.count("```cpp\n"), 1)
        shown = re.search("\n```cpp\n.*?\n```\n\nIt prints\n\n```\n(.*?)```\n", page, re.DOTALL)
        printed = subprocess.run(["eval/readme_example"], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertEqual(printed, shown.group(1))


if __name__ == "__main__":
    unittest.main()
