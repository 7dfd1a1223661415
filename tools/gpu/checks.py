#!/usr/bin/env python3
"""Checks the operators' CUDA keys of libgrouppose_ops.so inside Python's torch; tools/gpu/run.sh builds it and calls this.

  checks.py --library=libgrouppose_ops.so

Against the definitions of tools/python/operators_check.py, in double on the device. Without a GPU only what is
registered is looked at, and the exit code is 77.
"""

import argparse
import random
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
# pylint: disable=wrong-import-position
from operators_check import (  # noqa: E402
    GROUPPOSE, ROUNDING, assert_close, deformable_attention, deformable_inputs, fused_deformable_attention,
    group_attention, group_inputs,
)  # fmt: skip

OPERATORS = [
    "ms_deform_attn", "ms_deform_attn_backward", "ms_deform_attn_fused", "ms_deform_attn_fused_backward",
    "group_attention", "group_attention_backward",
]  # fmt: skip
TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


def plain(x):
    return lambda v, l, w: GROUPPOSE.ms_deform_attn(v, x.shapes, x.starts, l, w)


def fused(x):
    return lambda v, r, o, l: GROUPPOSE.ms_deform_attn_fused(v, x.shapes, x.starts, r, o, l)


def on_device(tensors, value_type):
    """Values as they are stored; where that is in 16 bits, the others are floats."""
    real = torch.float64 if value_type == torch.float64 else torch.float32
    value, *others = tensors
    return [value.to("cuda", value_type), *(tensor.to("cuda", real) for tensor in others)]


def evaluate(function, tensors):
    """Output and gradients."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    output = function(*leaves)
    generator = torch.Generator().manual_seed(1)
    grad = torch.randn(output.shape, generator=generator, dtype=torch.float64)
    output.backward(grad.to(leaves[0].dtype).to(output.device, output.dtype))
    return [output.detach(), *(leaf.grad for leaf in leaves)]


def check_registered():
    for name in OPERATORS:
        for key in ("CUDA", "Meta"):
            assert torch._C._dispatch_has_kernel_for_dispatch_key("grouppose::" + name, key), (name, key)
    x = deformable_inputs(random.Random(1))
    shape = fused(x)(*(tensor.to("meta") for tensor in (x.value, x.references, x.offsets, x.logits))).shape
    assert shape == (x.value.shape[0], x.offsets.shape[1], x.value.shape[2] * x.value.shape[3]), shape


def check_definition(value_type):
    draw = random.Random(1)
    for _ in range(30):
        x = deformable_inputs(draw, torch.float32 if value_type != torch.float64 else value_type)
        inputs = on_device((x.value, x.locations, x.weights), value_type)
        wanted = evaluate(lambda v, l, w: deformable_attention(v, x.shapes, l, w), [t.double() for t in inputs])
        assert_close(evaluate(plain(x), inputs), wanted, ROUNDING[value_type])
        inputs = on_device((x.value, x.references, x.offsets, x.logits), value_type)
        shapes = x.shapes.to("cuda")
        wanted = evaluate(
            lambda v, r, o, l: fused_deformable_attention(v, shapes, r, o, l), [t.double() for t in inputs]
        )
        # a location is computed from an offset, and its rounding moves the point
        assert_close(evaluate(fused(x), inputs), wanted, 5 * ROUNDING[value_type])


def check_group_attention(token_type):
    draw = random.Random(8)
    for _ in range(30):
        qkv, heads, along = group_inputs(draw, token_type)
        qkv = qkv.to("cuda")
        found = evaluate(lambda x: GROUPPOSE.group_attention(x, heads, along), [qkv])
        wanted = evaluate(lambda x: group_attention(x, heads, along), [qkv.double()])
        assert_close(found, wanted, ROUNDING[token_type])
        again = evaluate(lambda x: GROUPPOSE.group_attention(x, heads, along), [qkv])
        assert all(torch.equal(a, b) for a, b in zip(found, again)), "two runs differ"


def check_shapes_on_the_device():
    x = deformable_inputs(random.Random(2))
    inputs = on_device((x.value, x.locations, x.weights), torch.float32)
    there = GROUPPOSE.ms_deform_attn(inputs[0], x.shapes.cuda(), x.starts.cuda(), *inputs[1:])
    assert torch.equal(there, plain(x)(*inputs))


def check_derivatives():
    draw = random.Random(4)
    x = deformable_inputs(draw, torch.float64)
    while x.value.numel() >= 150 or x.locations.numel() >= 80:
        x = deformable_inputs(draw, torch.float64)
    for function, tensors in (
        (plain(x), (x.value, x.locations, x.weights)),
        (fused(x), (x.value, x.references, x.offsets, x.logits)),
    ):
        leaves = [tensor.requires_grad_() for tensor in on_device(tensors, torch.float64)]
        # atomic additions differ in the last bits
        assert torch.autograd.gradcheck(function, leaves, nondet_tol=1e-12)


def check_outside():
    """Locations far away or not numbers contribute nothing, and nothing is read out of bounds."""
    x = deformable_inputs(random.Random(5))
    inputs = on_device((x.value, x.locations, x.weights), torch.float32)
    for outside in (float("nan"), float("inf"), float("-inf"), 1e30, -3e9, 3.0, -2.0):
        inputs[1] = torch.full_like(inputs[1], outside)
        assert all((result == 0).all() for result in evaluate(plain(x), inputs)), outside


def check_determinism():
    draw = random.Random(6)
    torch.use_deterministic_algorithms(True)
    try:
        for value_type in TYPES:
            x = deformable_inputs(draw)
            inputs = on_device((x.value, x.references, x.offsets, x.logits), value_type)
            one, other = evaluate(fused(x), inputs), evaluate(fused(x), inputs)
            assert all(torch.equal(a, b) for a, b in zip(one, other)), value_type
    finally:
        torch.use_deterministic_algorithms(False)


def check_autocast():
    x = deformable_inputs(random.Random(7))
    inputs = on_device((x.value, x.references, x.offsets, x.logits), torch.float32)
    with torch.autocast("cuda", dtype=torch.float16):
        found = fused(x)(*(tensor.half() for tensor in inputs))
    assert found.dtype == torch.float32, found.dtype
    assert torch.equal(found, fused(x)(*(tensor.half().float() for tensor in inputs)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", required=True)
    torch.ops.load_library(parser.parse_args().library)
    has_gpu = torch.cuda.is_available()
    checks = [("registered", check_registered)]
    if has_gpu:
        checks += [("definition, %s" % str(t)[6:], lambda t=t: check_definition(t)) for t in TYPES]
        checks += [("group attention, %s" % str(t)[6:], lambda t=t: check_group_attention(t)) for t in TYPES]
        checks += [
            ("shapes on the device", check_shapes_on_the_device),
            ("derivatives", check_derivatives),
            ("locations outside", check_outside),
            ("determinism", check_determinism),
            ("autocast", check_autocast),
        ]
    failed = 0
    for name, check in checks:
        try:
            check()
            print("ok %s" % name)
        except (AssertionError, RuntimeError) as error:
            failed += 1
            print("FAIL %s: %s" % (name, error))
    print("%d passed, %d failed, torch %s" % (len(checks) - failed, failed, torch.__version__))
    if failed:
        return 1
    if not has_gpu:
        print("no CUDA device: nothing was run")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
