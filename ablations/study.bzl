"""ablation_study: experiments, variants and seeds become cached build actions and one report.

    ablation_study(
        name = "attention",
        baseline = "full",
        experiment = "//experiments:tiny.textproto",
        variants = {
            "full": variant(scheme = "full", overrides = ["model.self_attention=FULL"], seeds = 3),
            "group": variant(scheme = "group", overrides = ["model.self_attention=GROUP"], seeds = 3),
        },
    )

makes

    //ablations:attention                     run it: trains what is not cached, prints the comparison
    //ablations:attention_report              the report as a build target: report.txt, report.json
    //ablations:attention.pretraining.seed0   what the variants of one seed share
    //ablations:attention.full.seed0          one cell: metrics, log, resolved experiment, provenance, checkpoint

Each cell runs the trainer that links only its own scheme, with one thread, so that editing one scheme retrains only
the cells that link it. Everything is tagged `manual`.
"""

CellInfo = provider(
    doc = "What one training left.",
    fields = {
        "checkpoint": "the weights, safetensors",
        "log": "a JSON line every log interval",
        "metrics": "metrics.textproto",
        "provenance": "provenance.textproto",
        "resolved": "experiment.textproto, every field set",
        "seed": "the seed",
        "times": "times.textproto; differs from run to run",
        "variant": "the variant's name",
    },
)

# The same bytes every time: one thread, one instruction set, whatever the machine has. The trainer pins the same
# (grouppose/train/determinism.cc) wherever it runs; given here, it need not start itself a second time.
_PINNED = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "AVX2",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}

def _training_cell_impl(ctx):
    folder = ctx.label.name
    files = {
        "checkpoint": "checkpoint.safetensors",
        "log": "log.jsonl",
        "metrics": "metrics.textproto",
        "provenance": "provenance.textproto",
        "resolved": "experiment.textproto",
        "times": "times.textproto",
    }
    outputs = {key: ctx.actions.declare_file("%s/%s" % (folder, name)) for key, name in files.items()}
    inputs = [ctx.file.experiment] + ctx.files.experiments
    args = ctx.actions.args()
    args.add(ctx.attr.mode)
    args.add(ctx.file.experiment, format = "--experiment=%s")
    args.add_all(ctx.attr.overrides, format_each = "--set=%s")
    args.add(ctx.attr.seed, format = "--seed=%s")
    args.add(outputs["metrics"].dirname, format = "--output=%s")
    if ctx.attr.pretrained:
        pretrained = ctx.attr.pretrained[CellInfo].checkpoint
        inputs.append(pretrained)
        args.add(pretrained, format = "--init=%s")
    args.add("--quiet")
    ctx.actions.run(
        executable = ctx.executable.trainer,
        arguments = [args],
        inputs = inputs,
        outputs = outputs.values(),
        env = _PINNED,
        mnemonic = "TrainCell",
        progress_message = "Training %s: %s, seed %d" % (ctx.attr.study, ctx.attr.variant, ctx.attr.seed),
    )
    return [
        DefaultInfo(files = depset(outputs.values()), runfiles = ctx.runfiles(files = outputs.values())),
        CellInfo(seed = ctx.attr.seed, variant = ctx.attr.variant, **outputs),
    ]

_training_cell = rule(
    implementation = _training_cell_impl,
    attrs = {
        "experiment": attr.label(allow_single_file = [".textproto"], mandatory = True),
        "experiments": attr.label(default = "//experiments:textprotos", doc = "what `extends` may reach"),
        "mode": attr.string(values = ["pretrain", "train"], mandatory = True),
        "overrides": attr.string_list(doc = "path=value, as --set takes them"),
        "pretrained": attr.label(providers = [CellInfo]),
        "seed": attr.int(mandatory = True),
        "study": attr.string(mandatory = True),
        # In the target configuration: nothing is compiled twice.
        "trainer": attr.label(executable = True, cfg = "target", mandatory = True),
        "variant": attr.string(mandatory = True),
    },
)

def _study_report_impl(ctx):
    text = ctx.actions.declare_file(ctx.label.name + "/report.txt")
    json = ctx.actions.declare_file(ctx.label.name + "/report.json")
    args = ctx.actions.args()
    args.add(ctx.attr.study, format = "--study=%s")
    args.add(ctx.attr.baseline, format = "--baseline=%s")
    args.add(text, format = "--text=%s")
    args.add(json, format = "--json=%s")
    inputs = []
    for cell in ctx.attr.pretraining + ctx.attr.cells:
        info = cell[CellInfo]
        inputs += [info.metrics, info.times, info.resolved, info.provenance]
        args.add("--cell=%s:%d:%s" % (info.variant, info.seed, info.metrics.dirname))
    ctx.actions.run(
        executable = ctx.executable._report,
        arguments = [args],
        inputs = inputs,
        outputs = [text, json],
        mnemonic = "StudyReport",
        progress_message = "Comparing the variants of %s" % ctx.attr.study,
    )
    return [DefaultInfo(files = depset([text, json]), runfiles = ctx.runfiles(files = [text, json]))]

_study_report = rule(
    implementation = _study_report_impl,
    attrs = {
        "baseline": attr.string(mandatory = True),
        "cells": attr.label_list(providers = [CellInfo]),
        "pretraining": attr.label_list(providers = [CellInfo]),
        "study": attr.string(mandatory = True),
        "_report": attr.label(default = "//ablations:report", executable = True, cfg = "target"),
    },
)

def _study_program_impl(ctx):
    text, json = ctx.files.report
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        output = script,
        is_executable = True,
        content = """#!/bin/sh
# Prints the report. The commit is looked up here, when it is printed, and is no input of any cached action.
set -eu
cat "{text}"
workspace=${{BUILD_WORKSPACE_DIRECTORY:-.}}
commit=$(git -C "$workspace" rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
if [ -n "$(git -C "$workspace" status --porcelain 2>/dev/null)" ]; then commit="$commit with uncommitted changes"; fi
echo
echo "reproduce: ./bazelw run {label}    (commit $commit)"
echo "report:    $(readlink -f "{text}")"
echo "           $(readlink -f "{json}")"
""".format(json = json.short_path, label = str(ctx.label).lstrip("@"), text = text.short_path),
    )
    return [DefaultInfo(executable = script, runfiles = ctx.runfiles(files = [text, json]))]

_study_program = rule(
    implementation = _study_program_impl,
    attrs = {"report": attr.label(mandatory = True)},
    executable = True,
)

def variant(scheme, overrides = [], seeds = 1):
    """One row of a study.

    Args:
      scheme: the trainer, "full" for //tools/trainer:trainer_full, which links only that scheme.
      overrides: "path=value" as --set takes them, on top of the study's experiment.
      seeds: how many seeds, 0 ... seeds - 1; the variants of one seed start from the same pretraining.
    """
    return struct(scheme = scheme, overrides = overrides, seeds = seeds)

def ablation_study(name, experiment, baseline, variants, overrides = [], visibility = None):
    """Trains every variant with every seed and compares them with the baseline.

    Args:
      name: the program that prints the comparison.
      experiment: a textproto under //experiments, what all variants share.
      baseline: the variant that the others are compared with.
      variants: name -> variant(...).
      overrides: "path=value" for all cells, the pretraining included.
      visibility: of the program and the report.
    """
    if baseline not in variants:
        fail("%s: the baseline %r is none of the variants %s" % (name, baseline, sorted(variants)))
    for key, value in variants.items():
        if value.seeds < 1:
            fail("%s: variant %r has %d seeds, expected at least one" % (name, key, value.seeds))
    tags = ["manual"]
    pretraining = []
    for seed in range(max([v.seeds for v in variants.values()])):
        cell = "%s.pretraining.seed%d" % (name, seed)
        _training_cell(
            name = cell,
            experiment = experiment,
            mode = "pretrain",
            overrides = overrides,
            seed = seed,
            study = name,
            tags = tags,
            trainer = "//tools/trainer:trainer_pretraining",
            variant = "pretraining",
        )
        pretraining.append(cell)
    cells = []
    for key, value in variants.items():
        for seed in range(value.seeds):
            cell = "%s.%s.seed%d" % (name, key, seed)
            _training_cell(
                name = cell,
                experiment = experiment,
                mode = "train",
                overrides = overrides + value.overrides,
                pretrained = pretraining[seed],
                seed = seed,
                study = name,
                tags = tags,
                trainer = "//tools/trainer:trainer_" + value.scheme,
                variant = key,
            )
            cells.append(cell)
    _study_report(
        name = name + "_report",
        baseline = baseline,
        cells = cells,
        pretraining = pretraining,
        study = name,
        tags = tags,
        visibility = visibility,
    )
    _study_program(
        name = name,
        report = name + "_report",
        tags = tags,
        visibility = visibility,
    )
