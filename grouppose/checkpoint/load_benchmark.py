#!/usr/bin/env python3
"""Loading a checkpoint of 200 MB: torch.load and ours in turns, a fresh process and one thread for each, the file in the
page cache.

  ./bazelw build //grouppose/checkpoint:load_benchmark //tools:grouppose
  PYTHON_WITH_TORCH grouppose/checkpoint/load_benchmark.py --bin="$(./bazelw info bazel-bin)" [--rounds=15]

Prints for each way the median and the fastest time until the tensors are there, and until they are copied into the
tensors of a model.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

# Of Swin-T's and ResNet-50's models: some hundred tensors, most of the bytes in a few dozen.
SHAPES = [(2048, 256), (256, 2048), (768, 256), (256,), (2048,), (256, 256, 3, 3)] * 27

# Copies by threads that wait for each other measure the machine's other programs.
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}

LOAD = """
import sys, time, torch
path, mmap = sys.argv[1], sys.argv[2] == "mmap"
model = {k: torch.zeros_like(v) for k, v in torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)["model"].items()}
start = time.perf_counter()
state = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)["model"]
read = time.perf_counter()
for name, tensor in state.items():
    model[name].copy_(tensor)
print(read - start, time.perf_counter() - start)
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, required=True, help="Bazel's folder of programs")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    import torch

    with tempfile.TemporaryDirectory() as folder:
        pth, legacy, safetensors = (str(Path(folder, name)) for name in ("m.pth", "legacy.pth", "m.safetensors"))
        torch.manual_seed(0)
        model = {"layer%d.weight" % i: torch.rand(shape) for i, shape in enumerate(SHAPES)}
        torch.save({"model": model}, pth)
        torch.save({"model": model}, legacy, _use_new_zipfile_serialization=False)
        tool, ours = str(options.bin / "tools/grouppose"), str(options.bin / "grouppose/checkpoint/load_benchmark")
        subprocess.run([tool, "checkpoint", "convert", pth, safetensors], check=True, stdout=subprocess.DEVNULL)
        ways = {
            "torch.load, zip": [sys.executable, "-c", LOAD, pth, "read"],
            "torch.load, zip, mmap=True": [sys.executable, "-c", LOAD, pth, "mmap"],
            "ours, zip": [ours, pth],
            "torch.load, legacy": [sys.executable, "-c", LOAD, legacy, "read"],
            "ours, legacy": [ours, legacy],
            "ours, safetensors": [ours, safetensors],
        }
        times = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, command in ways.items():
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=ONE_THREAD)
                times[name].append(tuple(float(word) for word in done.stdout.split()))
        print("%d MB, %d tensors, %d rounds; ms" % (Path(pth).stat().st_size / 1e6, len(model), options.rounds))
        print("%-28s %8s %8s %14s %8s" % ("", "read", "fastest", "read and copy", "fastest"))
        for name, rows in times.items():
            columns = [f([1000 * row[i] for row in rows]) for i in (0, 1) for f in (statistics.median, min)]
            print("%-28s %8.1f %8.1f %14.1f %8.1f" % (name, *columns))


if __name__ == "__main__":
    main()
