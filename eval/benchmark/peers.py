#!/usr/bin/env python3
"""Times pose_eval and the Python evaluators on one result file, and prints the table of eval/README.md.

    bazel run //eval/benchmark:generate -- --output=/tmp/load
    peers.py --venv=/tmp/peers --pose_eval=bazel-bin/eval/pose_eval /tmp/load/gt.json /tmp/load/dt.json

Makes the virtual environment where it is missing and installs the peers into it, those that there are for this machine.
Every run is a process of its own: from its start to its end, reading included. Runs of all programs take turns, so that
a busy moment hits all; the files are read once before, so that nobody waits for a disk. Before anything is timed, all
have to print the same ten numbers. Where a peer lets evaluation be timed alone, that is the second column; pose_eval
says it itself (--timing).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

PEERS = ["pycocotools", "faster-coco-eval", "ultrafast-pycocotools", "vernier", "hotcoco"]


def like_pycocotools(data_module, evaluation_module, evaluator="COCOeval", load="loadRes"):
    """The script of a program that has pycocotools' classes."""
    return f"""
from {data_module} import COCO
from {evaluation_module} import {evaluator}
gt = COCO(GT)
dt = gt.{load}(DT)
start = time.perf_counter()
evaluation = {evaluator}(gt, dt, "keypoints")
evaluation.evaluate()
evaluation.accumulate()
evaluation.summarize()
finish(evaluation.stats, start)
"""


# Each prints, as its last line, JSON: the ten numbers and the seconds of evaluation alone.
SCRIPTS = {
    "pycocotools": like_pycocotools("pycocotools.coco", "pycocotools.cocoeval"),
    "faster-coco-eval": like_pycocotools("faster_coco_eval", "faster_coco_eval", evaluator="COCOeval_faster"),
    "ultrafast-pycocotools": like_pycocotools("ultrafast_pycocotools.coco", "ultrafast_pycocotools.cocoeval"),
    "hotcoco": like_pycocotools("hotcoco", "hotcoco", load="load_res"),
    "vernier": """
from vernier import instance
evaluator = instance.Evaluator(iou=instance.Keypoints(), parity_mode="strict")
with open(GT, "rb") as gt, open(DT, "rb") as dt:
    finish(evaluator.evaluate(gt.read(), dt.read()).stats, None)
""",
}

PROLOGUE = """
import json, sys, time
GT, DT = sys.argv[1:]

def finish(stats, start):
    seconds = None if start is None else time.perf_counter() - start
    print()
    print(json.dumps({"stats": [float(value) for value in stats][:10], "evaluation": seconds}))
"""


def make_environment(folder):
    """The environment's Python, and the versions of the peers that could be installed."""
    python = os.path.join(folder, "bin", "python3")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    versions = {}
    for peer in PEERS:
        show = [python, "-m", "pip", "--disable-pip-version-check", "show", peer]
        found = subprocess.run(show, capture_output=True, text=True, check=False)
        if found.returncode != 0:
            install = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", peer]
            if subprocess.run(install, check=False).returncode != 0:
                print(f"peers: {peer} does not install here, left out", file=sys.stderr)
                continue
            found = subprocess.run(show, capture_output=True, text=True, check=True)
        versions[peer] = next(line.split()[1] for line in found.stdout.splitlines() if line.startswith("Version:"))
    return python, versions


class Program:
    """Something that evaluates two files: run() gives the ten numbers, and seconds and bytes of a run."""

    def __init__(self, name, command, read_output):
        self.name = name
        self.command = command
        self.read_output = read_output
        self.seconds, self.evaluation = [], []
        self.peak, self.processor = 0, 0.0

    def run(self):
        start = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        output, errors = process.communicate()
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            raise RuntimeError(f"{self.name}: {errors.strip().splitlines()[-1] if errors else process.returncode}")
        stats, evaluation = self.read_output(output, errors)
        return stats, seconds, evaluation

    def measure(self):
        """One more run."""
        _, seconds, evaluation = self.run()
        self.seconds.append(seconds)
        if evaluation is not None:
            self.evaluation.append(evaluation)

    def is_slow(self):
        """Whether a few runs have to do."""
        return bool(self.seconds) and self.seconds[0] > 5

    def measure_resources(self):
        """What one run takes, of the only child of a process of its own: the most memory, and CPU time of all threads,
        which a busy machine distorts less than time."""
        watch = ("import json, resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
                 "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); "
                 "usage = resource.getrusage(resource.RUSAGE_CHILDREN); "
                 "print(json.dumps([usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime]))")
        runs = []
        for _ in range(1 if self.is_slow() else 3):
            command = [sys.executable, "-c", watch, *self.command]
            runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        self.peak = max(memory for memory, _ in runs)
        self.processor = statistics.median(seconds for _, seconds in runs)


def read_peer(output, _errors):
    result = json.loads(output.splitlines()[-1])
    return result["stats"], result["evaluation"]


def ours(name, pose_eval, gt, dt, json_path, threads):
    command = [pose_eval, "score", "--gt=" + gt, "--dt=" + dt, "--json=" + json_path, "--timing"]
    if threads:
        command.append(f"--threads={threads}")

    def read(_output, errors):
        with open(json_path, encoding="utf-8") as file:
            stats = json.load(file)["stats"]
        words = errors.split()
        return stats, float(words[words.index("evaluation") + 1])

    return Program(name, command, read)


def check_same(programs):
    """All numbers to 1e-12; the first program's are the reference."""
    reference = None
    for program in programs:
        stats, _, _ = program.run()
        reference = reference or stats
        off = max(abs(a - b) for a, b in zip(stats, reference))
        print(f"peers: {program.name}: AP {stats[0]:.10f}, " + ("the reference" if program is programs[0] else
              f"differs by at most {off:.1g} from {programs[0].name}"), file=sys.stderr)
        if off > 1e-12:
            raise RuntimeError(f"{program.name} gives other numbers: {stats}, expected {reference}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", required=True, metavar="FOLDER")
    parser.add_argument("--pose_eval", required=True, metavar="PROGRAM")
    parser.add_argument("--runs", type=int, default=9, help="of each program; the median counts [9]")
    parser.add_argument("--slow_runs", type=int, default=3, help="of the programs that take longer than 5 s [3]")
    parser.add_argument("--only", action="append", choices=PEERS, help="these peers only; may be repeated")
    parser.add_argument("gt")
    parser.add_argument("dt")
    arguments = parser.parse_args()

    python, versions = make_environment(arguments.venv)
    json_path = os.path.join(arguments.venv, "ours.json")
    programs = [Program(f"{peer} {version}", [python, "-c", PROLOGUE + SCRIPTS[peer], arguments.gt, arguments.dt],
                        read_peer)
                for peer, version in versions.items() if not arguments.only or peer in arguments.only]
    programs.append(ours("pose_eval", arguments.pose_eval, arguments.gt, arguments.dt, json_path, 0))
    programs.append(ours("pose_eval, one thread", arguments.pose_eval, arguments.gt, arguments.dt, json_path, 1))

    # reads the files once, too
    check_same(programs)
    loads = [os.getloadavg()[0]]
    for round_number in range(arguments.runs):
        for program in programs:
            if round_number < arguments.slow_runs or not program.is_slow():
                program.measure()
    loads.append(os.getloadavg()[0])
    for program in programs:
        program.measure_resources()

    best = statistics.median(programs[-2].seconds)
    print("| program | whole run | CPU time | evaluation alone | peak memory | whole run, times pose_eval's |")
    print("|---|---|---|---|---|---|")
    for program in programs:
        whole = statistics.median(program.seconds)
        alone = f"{statistics.median(program.evaluation):.3f} s" if program.evaluation else "-"
        print(f"| {program.name} | {whole:.3f} s | {program.processor:.2f} s | {alone} | {program.peak / 1e6:.0f} MB | "
              f"{whole / best:.1f} |")
    size = sum(os.path.getsize(path) for path in (arguments.gt, arguments.dt)) / 1e6
    print(f"\n{size:.0f} MB of JSON, {os.cpu_count()} cores, median of {arguments.runs} runs "
          f"({arguments.slow_runs} of slow programs), load {loads[0]:.1f} to {loads[1]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
