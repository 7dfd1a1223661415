#!/usr/bin/env python3
"""Compares deformable attention of libgrouppose_ops.so with its definition in torch, in double, and times it.

  ms_deform_attn_gpu_checks.py --library=libgrouppose_ops.so

Without a GPU the operator is compared on the CPU only, and the exit code is 77. tools/gpu_checks.sh builds and runs.
"""

import argparse
import statistics
import sys

import torch

# encoder and decoder of an image of 800 x 1066 pixels
LEVELS = [(100, 134), (50, 67), (25, 34), (13, 17)]
SMALL = [(7, 5), (4, 3), (1, 6)]


def definition(value, shapes, locations, weights):
    """Deformable DETR's equation 3: one grid_sample a level. Shapes as in ops/ms_deform_attn/ms_deform_attn.h."""
    batch, _, heads, channels = value.shape
    queries, levels, points = locations.shape[1], len(shapes), locations.shape[4]
    maps = value.split([h * w for h, w in shapes], dim=1)
    sampled = []
    for level, (height, width) in enumerate(shapes):
        image = maps[level].permute(0, 2, 3, 1).reshape(batch * heads, channels, height, width)
        grid = (2 * locations[:, :, :, level] - 1).transpose(1, 2).reshape(batch * heads, queries, points, 2)
        sampled.append(torch.nn.functional.grid_sample(image, grid, align_corners=False))
    weight = weights.transpose(1, 2).reshape(batch * heads, 1, queries, levels * points)
    summed = (torch.cat(sampled, dim=-1) * weight).sum(-1)
    return summed.view(batch, heads, channels, queries).permute(0, 3, 1, 2).reshape(batch, queries, heads * channels)


def make_inputs(shapes, batch, heads, channels, queries, points, dtype, device, seed=0, trained=False):
    """value, locations, weights, gradient of the output. Locations reach beyond the borders, or lie a few pixels around
    the queries' own places as those of a trained model do."""
    generator = torch.Generator().manual_seed(seed)
    size, levels = sum(h * w for h, w in shapes), len(shapes)
    real = torch.float64 if dtype == torch.float64 else torch.float32
    value = torch.randn(batch, size, heads, channels, generator=generator, dtype=real)
    if trained:
        scale = torch.tensor([(w, h) for h, w in shapes], dtype=real)
        centre = torch.rand(batch, queries, 1, 1, 1, 2, generator=generator, dtype=real)
        spread = 2 * torch.randn(batch, queries, heads, levels, points, 2, generator=generator, dtype=real)
        locations = centre + spread / scale[:, None]
    else:
        locations = torch.rand(batch, queries, heads, levels, points, 2, generator=generator, dtype=real) * 1.5 - 0.25
    weights = torch.randn(batch, queries, heads, levels * points, generator=generator, dtype=real).softmax(-1)
    grad = torch.randn(batch, queries, heads * channels, generator=generator, dtype=real)
    weights = weights.view(batch, queries, heads, levels, points)
    return value.to(device, dtype), locations.to(device), weights.to(device), grad.to(device, dtype)


def level_tensors(shapes):
    sizes = torch.tensor([h * w for h, w in shapes])
    return torch.tensor(shapes), torch.cumsum(sizes, 0) - sizes


def operator(value, shapes, locations, weights):
    # on the CPU, whatever the device: then nobody waits for them
    spatial_shapes, starts = level_tensors(shapes)
    return torch.ops.grouppose.ms_deform_attn(value, spatial_shapes, starts, locations, weights)


def evaluate(function, shapes, value, locations, weights, grad):
    leaves = [tensor.detach().clone().requires_grad_() for tensor in (value, locations, weights)]
    output = function(leaves[0], shapes, leaves[1], leaves[2])
    output.backward(grad)
    return [output.detach(), *(leaf.grad for leaf in leaves)]


def check_equal(device, dtype, channels):
    """Largest errors of output and gradients, relative to the largest element of each."""
    inputs = make_inputs(SMALL, 2, 3, channels, 51, 4, dtype, device)
    found = evaluate(operator, SMALL, *inputs)
    wanted = evaluate(definition, SMALL, *(tensor.double() for tensor in inputs))
    rounding = {torch.float64: 1e-12, torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}
    for name, one, other in zip(("output", "grad_value", "grad_locations", "grad_weights"), found, wanted):
        # what is stored in floats keeps their accuracy
        tolerance = min(rounding[dtype], 2e-5) if name in ("grad_locations", "grad_weights") else rounding[dtype]
        error = ((one.double() - other).abs().max() / other.abs().max()).item()
        assert error <= tolerance, "%s differs by %.1e of its largest element, allowed %.1e" % (name, error, tolerance)


def check_gradients(device):
    inputs = make_inputs([(4, 5), (2, 3)], 1, 2, 5, 3, 2, torch.float64, device)
    leaves = [tensor.requires_grad_() for tensor in inputs[:3]]
    assert torch.autograd.gradcheck(lambda v, l, w: operator(v, [(4, 5), (2, 3)], l, w), leaves, nondet_tol=1e-12)


def check_outside(device):
    """Locations far away or not numbers contribute nothing, and nothing is read out of bounds."""
    value, locations, weights, grad = make_inputs(SMALL, 1, 2, 32, 16, 4, torch.float32, device)
    for outside in (float("nan"), float("inf"), float("-inf"), 1e30, -3e9, 2.0, -1.0):
        results = evaluate(operator, SMALL, value, torch.full_like(locations, outside), weights, grad)
        assert all((result == 0).all() for result in results), outside


def check_determinism(device):
    inputs = make_inputs(SMALL, 2, 3, 32, 51, 4, torch.float32, device)
    one, other = evaluate(operator, SMALL, *inputs), evaluate(operator, SMALL, *inputs)
    assert all(torch.equal(one[i], other[i]) for i in (0, 2, 3)), "two runs differ"
    torch.use_deterministic_algorithms(True)
    try:
        one, other = evaluate(operator, SMALL, *inputs), evaluate(operator, SMALL, *inputs)
        assert all(torch.equal(a, b) for a, b in zip(one, other)), "two runs differ under use_deterministic_algorithms(True)"
    finally:
        torch.use_deterministic_algorithms(False)


def milliseconds(function):
    """Median of 20 runs on the device, after 5 that are not counted."""
    times = []
    for run in range(25):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        function()
        end.record()
        torch.cuda.synchronize()
        if run >= 5:
            times.append(start.elapsed_time(end))
    return statistics.median(times)


def time_all(device):
    print("%s, torch %s, CUDA %s" % (torch.cuda.get_device_name(), torch.__version__, torch.version.cuda))
    source = torch.empty(1 << 28, dtype=torch.uint8, device=device)
    copy = milliseconds(source.clone)
    print("copying on the device: %.0f GB/s" % (2 * source.numel() / copy / 1e6))
    print("| use | type | forward, ms | with backward, ms | grid_sample forward, ms | with backward, ms |")
    print("|---|---|---|---|---|---|")
    for use, queries in (("encoder", sum(h * w for h, w in LEVELS)), ("decoder", 1800)):
        for dtype in (torch.float32, torch.float16, torch.bfloat16):
            inputs = make_inputs(LEVELS, 1, 8, 32, queries, 4, dtype, device, trained=True)
            row = []
            for function in (operator, definition):
                # grid_sample wants all in one type
                own = inputs if function is operator else [tensor.to(dtype) for tensor in inputs]
                with torch.no_grad():
                    row.append(milliseconds(lambda: function(own[0], LEVELS, own[1], own[2])))
                row.append(milliseconds(lambda: evaluate(function, LEVELS, *own)))
            print("| %s, %d queries | %s | %s |" % (use, queries, str(dtype)[6:], " | ".join("%.3f" % t for t in row)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", required=True)
    torch.ops.load_library(parser.parse_args().library)
    has_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if has_gpu else "cpu")
    dtypes = [torch.float32, torch.float64] + ([torch.float16, torch.bfloat16] if has_gpu else [])
    checks = [
        ("%s, %d channels" % (str(dtype)[6:], channels), lambda d=dtype, c=channels: check_equal(device, d, c))
        for dtype in dtypes
        for channels in (1, 7, 8, 30, 32, 64, 71, 1025)
    ]
    checks += [("gradcheck", lambda: check_gradients(device)), ("locations outside", lambda: check_outside(device))]
    checks += [("determinism", lambda: check_determinism(device))] if has_gpu else []
    failed = 0
    for name, check in checks:
        try:
            check()
            print("ok %s" % name)
        except (AssertionError, RuntimeError) as error:
            failed += 1
            print("FAIL %s: %s" % (name, error))
    if has_gpu:
        time_all(device)
    print("%d passed, %d failed on %s" % (len(checks) - failed, failed, device))
    if failed:
        return 1
    if not has_gpu:
        print("no CUDA device: compared on the CPU only")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
