#!/usr/bin/env python3
"""Files of torch.save are converted by `grouppose checkpoint`, and what it writes loads with torch.load.

  PYTHON_WITH_TORCH torch_load_check.py --grouppose=PROGRAM --work=FOLDER

Exits 77 with the reason on the last line where torch cannot be imported.
"""

import argparse
import os
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

try:
    import torch
except ImportError as error:
    print("no torch (%s): PyPI's needs 2 GB of CUDA; set GROUPPOSE_TORCH_PYTHON to a Python that has it" % error)
    sys.exit(77)

DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool,
]  # fmt: skip


class Marker:
    """What a hostile file would run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, ("touch %s" % self.path,)


def training_state():
    """What the official main.py saves, in small."""
    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.BatchNorm1d(7))
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-4)
    layer(torch.rand(4, 5)).sum().backward()
    optimizer.step()
    model = OrderedDict(("module." + name, tensor) for name, tensor in layer.state_dict().items())
    for dtype in DTYPES:
        model["module.of %s" % dtype] = (10 * torch.rand(3, 4)).to(dtype)
    model["module.transposed"] = torch.rand(4, 6).t()
    model["module.row"] = model["module.transposed"][2]
    model["module.empty"] = torch.zeros(0, 3)
    model["module.scalar"] = torch.tensor(2.5)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 50)
    arguments = argparse.Namespace(num_queries=100, backbone="resnet50", data_aug_scales=[480, 512], note=None)
    return {
        "model": model,
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": schedule.state_dict(),
        "epoch": 2,
        "args": arguments,
        "ema_model": {name: tensor.clone() for name, tensor in model.items()},
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--grouppose", required=True)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()

    def checkpoint(*arguments):
        command = [options.grouppose, "checkpoint", *map(str, arguments)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    state = training_state()
    expected = {name[len("module.") :]: tensor for name, tensor in state["model"].items()}
    for name, zipped in (("zip", True), ("legacy", False)):
        saved = options.work / ("%s.pth" % name)
        torch.save(state, saved, _use_new_zipfile_serialization=zipped)
        safetensors, back = options.work / ("%s.safetensors" % name), options.work / ("%s_back.pth" % name)
        for source, target in ((saved, safetensors), (safetensors, back)):
            code, output = checkpoint("convert", source, target)
            assert code == 0, output
        code, output = checkpoint("diff", saved, back)
        assert code == 0, output
        loaded = torch.load(back, weights_only=True)["model"]
        assert type(loaded) is OrderedDict and sorted(loaded) == sorted(expected)
        for key, tensor in expected.items():
            assert loaded[key].dtype == tensor.dtype and loaded[key].shape == tensor.shape, key
            assert torch.equal(loaded[key], tensor), key
        print("%s: %d tensors there and back, torch %s" % (name, len(loaded), torch.__version__))

        marker, hostile = options.work / "marker", options.work / "hostile.pth"
        torch.save({"model": expected, "args": Marker(marker)}, hostile, _use_new_zipfile_serialization=zipped)
        for command in (("inspect", hostile), ("convert", hostile, options.work / "hostile.safetensors")):
            code, output = checkpoint(*command)
            assert code == 2 and "nothing in the file was executed" in output, output
        assert not marker.exists() and not (options.work / "hostile.safetensors").exists()


if __name__ == "__main__":
    main()
