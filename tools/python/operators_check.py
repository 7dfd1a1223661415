#!/usr/bin/env python3
"""Checks libgrouppose_ops.so inside Python's torch, on the CPU.

  operators_check.py --library=libgrouppose_ops.so [--readme=ops/README.md]

Each operator against its definition out of torch's own operators at random shapes, derivatives by finite differences,
torch.library.opcheck (schema, autograd, fake tensors, ahead-of-time tracing), autocast, torch.compile, export to a file
and back; and the lines of ops/README.md that switch a model over, run as they stand there.
"""

import argparse
import io
import os
import random
import re
import sys
import tempfile
import traceback
import types

import torch

GROUPPOSE = torch.ops.grouppose


# ---- definitions


def level_tensors(shapes):
    sizes = torch.tensor([h * w for h, w in shapes])
    return torch.tensor(shapes), torch.cumsum(sizes, 0) - sizes


def deformable_attention(value, spatial_shapes, locations, weights):
    """Deformable DETR's equation 3: one grid_sample a level. Shapes as in ops/ms_deform_attn/ms_deform_attn.h."""
    batch, _, heads, channels = value.shape
    queries, levels, points = locations.shape[1], len(spatial_shapes), locations.shape[4]
    maps = value.split([int(h * w) for h, w in spatial_shapes], dim=1)
    sampled = []
    for level, (height, width) in enumerate(spatial_shapes.tolist()):
        image = maps[level].permute(0, 2, 3, 1).reshape(batch * heads, channels, height, width)
        grid = (2 * locations[:, :, :, level] - 1).transpose(1, 2).reshape(batch * heads, queries, points, 2)
        sampled.append(torch.nn.functional.grid_sample(image, grid, align_corners=False))
    weight = weights.transpose(1, 2).reshape(batch * heads, 1, queries, levels * points)
    summed = (torch.cat(sampled, dim=-1) * weight).sum(-1)
    return summed.view(batch, heads, channels, queries).permute(0, 3, 1, 2).reshape(batch, queries, heads * channels)


def fused_deformable_attention(value, spatial_shapes, references, offsets, logits):
    """The same from reference points, offsets in pixels (or in shares of a box) and logits."""
    batch, queries, heads, levels, points, _ = offsets.shape
    scale = torch.stack([spatial_shapes[:, 1], spatial_shapes[:, 0]], -1).to(value.dtype)
    centre = references[:, :, None, :, None, :2]
    if references.shape[-1] == 2:
        locations = centre + offsets / scale[:, None]
    else:
        locations = centre + offsets * references[:, :, None, :, None, 2:] * 0.5 / points
    weights = logits.reshape(batch, queries, heads, levels * points).softmax(-1)
    return deformable_attention(value, spatial_shapes, locations, weights.view(batch, queries, heads, levels, points))


def group_attention(qkv, heads, along):
    """Self-attention along one dimension of tokens [batch, instances, keypoints, 3 hidden]."""
    sequences = qkv.transpose(1, 2) if along == 1 else qkv
    query, key, value = sequences.unflatten(-1, (3, heads, -1)).permute(3, 0, 1, 4, 2, 5)
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    attended = (scores.softmax(-1) @ value).transpose(2, 3).flatten(-2)
    return attended.transpose(1, 2) if along == 1 else attended


# ---- inputs


def deformable_inputs(draw, dtype=torch.float32):
    """Inputs of both entries at random sizes. Points reach beyond the borders, and stay clear of the pixels' centres,
    where float and double may choose different cells."""
    batch, heads, channels = draw.randint(1, 3), draw.randint(1, 4), draw.randint(1, 40)
    queries, points = draw.randint(1, 30), draw.randint(1, 5)
    shapes = [(draw.randint(1, 12), draw.randint(1, 12)) for _ in range(draw.randint(1, 4))]
    levels, box = len(shapes), draw.choice([2, 4])
    generator = torch.Generator().manual_seed(draw.randint(0, 1 << 30))

    def normal(*sizes):
        return torch.randn(*sizes, generator=generator, dtype=torch.float64)

    size = torch.tensor([(w, h) for h, w in shapes], dtype=torch.float64)[:, None]
    cell = torch.floor(normal(batch, queries, heads, levels, points, 2) * size / 2 + size / 2)
    inside = torch.rand(cell.shape, generator=generator, dtype=torch.float64) * 0.9 + 0.05
    locations = (cell + inside + 0.5) / size
    references = torch.rand(batch, queries, levels, box, generator=generator, dtype=torch.float64)
    references[..., 2:] += 0.1
    # the offsets that lead to these locations
    offsets = locations - references[:, :, None, :, None, :2]
    if box == 2:
        offsets = offsets * size
    else:
        offsets = offsets * 2 * points / references[:, :, None, :, None, 2:]
    logits = normal(batch, queries, heads, levels * points)
    value = normal(batch, sum(h * w for h, w in shapes), heads, channels)
    weights = logits.softmax(-1).view(batch, queries, heads, levels, points)
    spatial_shapes, starts = level_tensors(shapes)
    cast = [tensor.to(dtype) for tensor in (value, locations, weights, references, offsets, logits)]
    return types.SimpleNamespace(
        shapes=spatial_shapes,
        starts=starts,
        **dict(zip(("value", "locations", "weights", "references", "offsets", "logits"), cast)),
    )


def group_inputs(draw, dtype=torch.float32):
    heads = draw.randint(1, 4)
    sizes = (draw.randint(1, 3), draw.randint(1, 40), draw.randint(1, 20), 3 * heads * draw.randint(1, 36))
    generator = torch.Generator().manual_seed(draw.randint(0, 1 << 30))
    return torch.randn(*sizes, generator=generator, dtype=torch.float64).to(dtype), heads, draw.choice([1, 2])


# Of the largest element: roundings of sums of some dozen terms, and of values when they are stored.
ROUNDING = {torch.float64: 1e-12, torch.float32: 2e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def assert_close(found, wanted, tolerance):
    for one, other in zip(found, wanted):
        assert one.shape == other.shape, (one.shape, other.shape)
        if one.numel():
            error = (one.double() - other.double()).abs().max() / other.double().abs().max().clamp_min(1e-30)
            assert error <= tolerance, "differs by %.1e of the largest element, allowed %.1e" % (error, tolerance)


def evaluate(function, tensors):
    """Output and gradients."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    output = function(*leaves)
    generator = torch.Generator().manual_seed(1)
    output.backward(torch.randn(output.shape, generator=generator, dtype=torch.float64).to(output.dtype))
    return [output.detach(), *(leaf.grad for leaf in leaves)]


# ---- checks


def deformable_inputs_with_value(draw, dtype):
    """Values in 16 bits go with floats: 16 bits cannot address the pixels of a large level."""
    x = deformable_inputs(draw, torch.float64 if dtype == torch.float64 else torch.float32)
    x.value = x.value.to(dtype)
    return x


def check_deformable_attention(dtype):
    draw = random.Random(1)
    for _ in range(30):
        x = deformable_inputs_with_value(draw, dtype)
        found = evaluate(
            lambda v, l, w: GROUPPOSE.ms_deform_attn(v, x.shapes, x.starts, l, w), (x.value, x.locations, x.weights)
        )
        wanted = evaluate(
            lambda v, l, w: deformable_attention(v, x.shapes, l, w),
            [tensor.double() for tensor in (x.value, x.locations, x.weights)],
        )
        assert_close(found, wanted, ROUNDING[dtype])


def check_fused_deformable_attention(dtype):
    draw = random.Random(2)
    for _ in range(30):
        x = deformable_inputs_with_value(draw, dtype)
        inputs = (x.value, x.references, x.offsets, x.logits)
        found = evaluate(
            lambda v, r, o, l: GROUPPOSE.ms_deform_attn_fused(v, x.shapes, x.starts, r, o, l), inputs
        )
        wanted = evaluate(
            lambda v, r, o, l: fused_deformable_attention(v, x.shapes, r, o, l),
            [tensor.double() for tensor in inputs],
        )
        # a location is computed from an offset, and its rounding moves the point
        assert_close(found, wanted, 5 * ROUNDING[dtype])


def check_group_attention(dtype):
    draw = random.Random(3)
    for _ in range(30):
        qkv, heads, along = group_inputs(draw, dtype)
        found = evaluate(lambda x: GROUPPOSE.group_attention(x, heads, along), [qkv])
        wanted = evaluate(lambda x: group_attention(x, heads, along), [qkv.double()])
        assert_close(found, wanted, ROUNDING[dtype])


def leaf(tensor):
    return tensor.detach().clone().requires_grad_()


def small_inputs(dtype):
    """Of few numbers, for derivatives one by one."""
    draw = random.Random(4)
    while True:
        x = deformable_inputs(draw, dtype)
        if x.value.numel() < 150 and x.locations.numel() < 80:
            return x


def check_derivatives():
    x = small_inputs(torch.float64)
    assert torch.autograd.gradcheck(
        lambda v, l, w: GROUPPOSE.ms_deform_attn(v, x.shapes, x.starts, l, w),
        (leaf(x.value), leaf(x.locations), leaf(x.weights)),
    )
    assert torch.autograd.gradcheck(
        lambda v, r, o, l: GROUPPOSE.ms_deform_attn_fused(v, x.shapes, x.starts, r, o, l),
        (leaf(x.value), leaf(x.references), leaf(x.offsets), leaf(x.logits)),
    )
    qkv = torch.randn(2, 3, 4, 3 * 2 * 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for along in (1, 2):
        assert torch.autograd.gradcheck(lambda x: GROUPPOSE.group_attention(x, 2, along), (leaf(qkv),))


def check_by_opcheck(name):
    draw = random.Random(5)
    for dtype in (torch.float32, torch.float64):
        x = deformable_inputs(draw, dtype)
        grad = torch.ones(x.locations.shape[0], x.locations.shape[1], x.value.shape[2] * x.value.shape[3], dtype=dtype)
        qkv, heads, along = group_inputs(draw, dtype)
        points = (x.locations, x.weights)
        raw = (x.references, x.offsets, x.logits)
        arguments = {
            "ms_deform_attn": (leaf(x.value), x.shapes, x.starts, *(leaf(tensor) for tensor in points)),
            "ms_deform_attn_backward": (grad, x.value, x.shapes, x.starts, *points),
            "ms_deform_attn_fused": (leaf(x.value), x.shapes, x.starts, *(leaf(tensor) for tensor in raw)),
            "ms_deform_attn_fused_backward": (grad, x.value, x.shapes, x.starts, *raw),
            "group_attention": (leaf(qkv), heads, along),
            "group_attention_backward": (qkv[..., : qkv.shape[3] // 3], qkv, heads, along),
        }[name]
        torch.library.opcheck(getattr(GROUPPOSE, name).default, arguments)


def check_autocast():
    x = deformable_inputs(random.Random(6))
    qkv, heads, along = group_inputs(random.Random(6))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        # deformable attention works in float32 whatever it is given: 16 bits cannot address a large level's pixels
        found = GROUPPOSE.ms_deform_attn(x.value.bfloat16(), x.shapes, x.starts, x.locations, x.weights.bfloat16())
        fused = GROUPPOSE.ms_deform_attn_fused(
            x.value.bfloat16(), x.shapes, x.starts, x.references, x.offsets, x.logits.bfloat16()
        )
        # group attention in the type that the projection gives
        projected = torch.nn.functional.linear(qkv, torch.eye(qkv.shape[3]))
        attended = GROUPPOSE.group_attention(projected, heads, along)
    assert found.dtype == fused.dtype == torch.float32 and attended.dtype == torch.bfloat16
    assert_close([found], [deformable_attention(x.value, x.shapes, x.locations, x.weights)], 2e-2)
    assert_close([fused], [fused_deformable_attention(x.value, x.shapes, x.references, x.offsets, x.logits)], 2e-2)
    assert_close([attended], [group_attention(qkv, heads, along)], ROUNDING[torch.bfloat16])


class Block(torch.nn.Module):
    """All three operators behind one another."""

    def __init__(self, heads, channels):
        super().__init__()
        self.heads, self.channels = heads, channels
        self.projection = torch.nn.Linear(heads * channels, 3 * heads * channels)

    def forward(self, value, shapes, starts, locations, weights, references, offsets, logits):
        first = GROUPPOSE.ms_deform_attn(value, shapes, starts, locations, weights)
        second = GROUPPOSE.ms_deform_attn_fused(value, shapes, starts, references, offsets, logits)
        tokens = self.projection(torch.stack([first, second], dim=1))
        return GROUPPOSE.group_attention(tokens, self.heads, 2) + GROUPPOSE.group_attention(tokens, self.heads, 1)


def block_and_inputs(seed):
    x = deformable_inputs(random.Random(seed))
    torch.manual_seed(0)
    block = Block(x.value.shape[2], x.value.shape[3])
    return block, (x.value, x.shapes, x.starts, x.locations, x.weights, x.references, x.offsets, x.logits)


def check_compile():
    """One graph, forward and backward, the same numbers; then with sizes as symbols."""
    for dynamic in (False, True):
        block, inputs = block_and_inputs(7)
        compiled = torch.compile(block, fullgraph=True, backend="aot_eager", dynamic=dynamic)
        results = []
        for module in (block, compiled):
            block.zero_grad()
            value = leaf(inputs[0])
            output = module(value, *inputs[1:])
            output.square().sum().backward()
            results.append([output.detach(), value.grad, block.projection.weight.grad.clone()])
        for one, other in zip(*results):
            assert torch.equal(one, other), "dynamic=%s" % dynamic
        torch._dynamo.reset()


def check_export():
    """Through a file and back, and by pickle."""
    block, inputs = block_and_inputs(8)
    wanted = block(*inputs)
    exported = torch.export.export(block, inputs)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "block.pt2")
        torch.export.save(exported, path)
        assert torch.equal(torch.export.load(path).module()(*inputs), wanted)
    buffer = io.BytesIO()
    torch.save(block, buffer)
    buffer.seek(0)
    assert torch.equal(torch.load(buffer, weights_only=False)(*inputs), wanted)


# ---- the lines of the README


def readme_block(readme, heading):
    """The Python code that follows a heading."""
    with open(readme, encoding="utf-8") as file:
        section = file.read().split(heading + "\n", 1)[1]
    return re.search(r"```python\n(.*?)```", section, re.DOTALL).group(1)


class TheirFunction:
    """What a Deformable-DETR-like model calls; it counts how often."""

    calls = 0

    @staticmethod
    def apply(value, spatial_shapes, level_start_index, sampling_locations, attention_weights, im2col_step):
        TheirFunction.calls += 1
        return deformable_attention(value, spatial_shapes, sampling_locations, attention_weights)


def check_switch(library, readme):
    """A model's module before and after the three lines."""
    module = types.ModuleType("your_model.ops.modules.ms_deform_attn")
    module.MSDeformAttnFunction = TheirFunction

    def forward(x):
        return module.MSDeformAttnFunction.apply(x.value, x.shapes, x.starts, x.locations, x.weights, 64)

    parents = ["your_model", "your_model.ops", "your_model.ops.modules"]
    sys.modules.update({name: types.ModuleType(name) for name in parents}, **{module.__name__: module})
    sys.modules["your_model.ops.modules"].ms_deform_attn = module
    x = deformable_inputs(random.Random(9))
    before = forward(x)
    lines = readme_block(readme, "## Three lines to switch").replace('"libgrouppose_ops.so"', repr(library))
    exec(compile(lines, readme, "exec"), {})
    after = forward(x)
    assert TheirFunction.calls == 1, "the model's own function was called again"
    assert_close([after], [before], ROUNDING[torch.float32])


def check_switch_of_the_fallback(library, readme):
    """The same for models that call a plain function of four arguments."""
    module = types.ModuleType("your_model.functions")
    calls = []

    def core(value, value_spatial_shapes, sampling_locations, attention_weights):
        calls.append(1)
        return deformable_attention(value, value_spatial_shapes, sampling_locations, attention_weights)

    module.ms_deform_attn_core_pytorch = core
    sys.modules.setdefault("your_model", types.ModuleType("your_model")).functions = module
    sys.modules[module.__name__] = module
    x = deformable_inputs(random.Random(10))
    before = module.ms_deform_attn_core_pytorch(x.value, x.shapes, x.locations, x.weights)
    lines = readme_block(readme, "### Models that call a plain function").replace('"libgrouppose_ops.so"', repr(library))
    exec(compile(lines, readme, "exec"), {})
    after = module.ms_deform_attn_core_pytorch(x.value, x.shapes, x.locations, x.weights)
    assert len(calls) == 1, "the model's own function was called again"
    assert_close([after], [before], ROUNDING[torch.float32])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", required=True)
    parser.add_argument("--readme", default="ops/README.md")
    arguments = parser.parse_args()
    library = os.path.abspath(arguments.library)
    torch.ops.load_library(library)
    names = ["ms_deform_attn", "ms_deform_attn_fused", "group_attention"]
    checks = []
    for dtype in ROUNDING:
        checks += [
            ("%s, %s" % (check.__name__[6:], str(dtype)[6:]), lambda check=check, dtype=dtype: check(dtype))
            for check in (check_deformable_attention, check_fused_deformable_attention, check_group_attention)
        ]
    checks += [("derivatives", check_derivatives)]
    for name in names:
        checks += [("opcheck " + name, lambda name=name: check_by_opcheck(name))]
        checks += [("opcheck %s_backward" % name, lambda name=name: check_by_opcheck(name + "_backward"))]
    checks += [("autocast", check_autocast), ("compile", check_compile), ("export and pickle", check_export)]
    checks += [
        ("three lines to switch", lambda: check_switch(library, arguments.readme)),
        ("plain function", lambda: check_switch_of_the_fallback(library, arguments.readme)),
    ]
    failed = 0
    for name, check in checks:
        try:
            check()
            print("ok %s" % name)
        except Exception as error:  # whatever it is, the others run
            failed += 1
            print("FAIL %s: %s" % (name, error))
            traceback.print_exc()
    print("%d passed, %d failed" % (len(checks) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
