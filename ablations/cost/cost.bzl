"""attention_cost: one measurement of what all schemes cost, when everything else is done.

    attention_cost(
        name = "attention_cost",
        after = ["attention.full.seed0", ...],
    )

makes cost.textproto (experiments/cost.proto) and cost.txt. The programs of one `bazel build` share the cores, so the
measurement waits for whatever `after` names: in a study all its cells. What they left has no part in it: when a cell
changes, nothing is measured again. It is measured where it is built, never fetched from another machine. How busy the
machine was nevertheless stands in the result.
"""

load("//third_party/bazel:defs.bzl", "cc_binary")

def _attention_cost_impl(ctx):
    cost = ctx.actions.declare_file(ctx.label.name + "/cost.textproto")
    text = ctx.actions.declare_file(ctx.label.name + "/cost.txt")
    unused = ctx.actions.declare_file(ctx.label.name + "/unused_inputs.txt")
    ctx.actions.write(unused, "".join([file.path + "\n" for file in ctx.files.after]))
    args = ctx.actions.args()
    inputs = ctx.files.after + [unused]
    if ctx.file.experiment:
        args.add(ctx.file.experiment, format = "--experiment=%s")
        inputs += [ctx.file.experiment] + ctx.files.experiments
    args.add_all(ctx.attr.overrides, format_each = "--set=%s")
    args.add_all(ctx.attr.arguments)
    args.add(cost, format = "--output=%s")
    args.add(text, format = "--text=%s")
    ctx.actions.run(
        executable = ctx.executable.program,
        arguments = [args],
        inputs = inputs,
        outputs = [cost, text],
        # as the cells of a study: idle threads of OpenMP would spin
        env = {"OMP_NUM_THREADS": "1"},
        execution_requirements = {"no-remote-cache": "1", "no-remote-exec": "1"},
        mnemonic = "MeasureCost",
        progress_message = "Measuring what the attention schemes cost",
        unused_inputs_list = unused,
    )
    return [DefaultInfo(files = depset([cost, text]), runfiles = ctx.runfiles(files = [cost, text]))]

_attention_cost = rule(
    implementation = _attention_cost_impl,
    attrs = {
        "after": attr.label_list(allow_files = True, doc = "what is built before"),
        "arguments": attr.string_list(doc = "further flags of //ablations/cost, \"--batch=8\""),
        "experiment": attr.label(
            allow_single_file = [".textproto"],
            doc = "gives the sizes; without it those of the published model",
        ),
        "experiments": attr.label(default = "//experiments:textprotos", doc = "what `extends` may reach"),
        "overrides": attr.string_list(doc = "path=value, as --set takes them"),
        # In the target configuration: nothing is compiled twice.
        "program": attr.label(executable = True, cfg = "target", mandatory = True),
    },
)

def attention_cost(name, after, own_schemes = [], tags = ["manual"], **kwargs):
    """Measures all schemes of //grouppose/attention.

    Args:
      name: of the target; its files are NAME/cost.textproto and NAME/cost.txt.
      after: what is built before it is measured; the cells of a study.
      own_schemes: each an attention_scheme (//ablations:study.bzl) to measure beside them.
      tags: the usual ones.
      **kwargs: arguments, flags of the program, ["--batch=8"]; experiment and overrides, for other sizes than those
        of the published model; visibility.
    """
    program = "//ablations/cost"
    if own_schemes:
        program = name + ".program"
        cc_binary(
            name = program,
            tags = tags,
            deps = ["//ablations/cost:cost_main", "//grouppose/attention:all"] + own_schemes,
        )
    _attention_cost(name = name, after = after, program = program, tags = tags, **kwargs)
