#!/usr/bin/env python3
"""Runs the first stage of tools/gpu/run.sh: no Bazel, no network, no torch, only nvcc and g++.

  build_test.py CUDA_TOOLKIT
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

toolkit = Path(sys.argv[1]).absolute()
with tempfile.TemporaryDirectory() as output:
    environment = dict(os.environ, NVCC=str(toolkit / "bin" / "nvcc"), CXX="/usr/bin/g++")
    script = ["tools/gpu/run.sh", "--without_torch", "--output=%s" % output]
    subprocess.run([*script, "--build_only"], env=environment, check=True)
    programs = list(Path(output).glob("*_gpu"))
    assert programs, "no program was built"
    # where there is a device, what it computes is checked by hand: the times take minutes
    if not os.path.exists("/dev/nvidiactl"):
        for program in programs:
            code = subprocess.run([str(program)], check=False).returncode
            assert code == 77, "%s: exit code %d, expected 77 without a device" % (program, code)
