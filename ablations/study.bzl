"""ablation_study: experiments, variants and seeds become cached build actions and one report.

    ablation_study(
        name = "attention",
        baseline = "full",
        experiment = "//experiments:tiny.textproto",
        variants = {
            "full": variant(scheme = "full", seeds = 3),
            "group": variant(scheme = "group", seeds = 3),
        },
    )

makes

    //ablations:attention                     run it: trains what is not cached, prints the comparison
    //ablations:attention_report              the report as a build target: report.html, report.txt, report.json
    //ablations:attention.cost                what its schemes cost, measured after all cells
    //ablations:attention.pretraining.seed0   what the variants of one seed share
    //ablations:attention.full.seed0          one cell: metrics, log, resolved experiment, provenance, checkpoint

Each cell runs the trainer that links only its own scheme, with one thread, so that editing one scheme retrains only
the cells that link it. Everything is tagged `manual`.

At full scale, for every study:

    --//ablations:data=/data/coco          photos instead of drawn people; experiment and overrides become the study's
                                           full_scale ones
    --//ablations:init=/data/resnet50.safetensors   what every cell starts from, instead of the shared pretraining
    --//ablations:set=training.epochs=12   overrides for every cell of whatever is built, several with commas; a list
                                           keeps those within its brackets
"""

load("//ablations/cost:cost.bzl", "attention_cost")
load("//third_party/bazel:defs.bzl", "cc_binary", "cc_library")

CellInfo = provider(
    doc = "What one training left.",
    fields = {
        "checkpoint": "the weights, safetensors",
        "ground_truth": "ground_truth.json, what the results are measured against",
        "log": "a JSON line every log interval",
        "metrics": "metrics.textproto",
        "provenance": "provenance.textproto",
        "resolved": "experiment.textproto, every field set",
        "results": "results.json, COCO results of the last evaluation",
        "seed": "the seed",
        "times": "times.textproto; differs from run to run",
    },
)

SettingInfo = provider(doc = "The value of a build setting.", fields = {"value": "string or list of strings"})

def split_overrides(text):
    """["a=1", "b=[64, 80]"] of "a=1,b=[64, 80]": a comma within brackets is of the value."""
    overrides, start, depth = [], 0, 0
    for i in range(len(text)):
        if text[i] in "[{":
            depth += 1
        elif text[i] in "]}":
            depth -= 1
        elif text[i] == "," and depth == 0:
            overrides.append(text[start:i])
            start = i + 1
    overrides.append(text[start:])
    return [override for override in overrides if override]

def _string_setting_impl(ctx):
    value = ctx.build_setting_value
    if ctx.attr.absolute_path and value and not value.startswith("/"):
        fail("--%s=%s: expected an absolute path; a training runs in a folder of Bazel's" %
             (str(ctx.label).lstrip("@"), value))
    return SettingInfo(value = split_overrides(value) if ctx.attr.overrides else value)

string_setting = rule(
    implementation = _string_setting_impl,
    attrs = {
        "absolute_path": attr.bool(doc = "refuses a path that is not"),
        "overrides": attr.bool(doc = "makes it a list, split at commas"),
    },
    build_setting = config.string(flag = True),
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

def _setting(ctx, name):
    return getattr(ctx.attr, name)[SettingInfo].value

# What a shell leaves alone.
_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,+@%"

def _quoted(word):
    """The word as a shell takes it."""
    if all([word[i] in _PLAIN for i in range(len(word))]):
        return word
    return "'%s'" % word.replace("'", "'\\''")

def _settings_given(ctx):
    """The settings that are not empty, as one writes them on a command line."""
    values = {
        "data": _setting(ctx, "_data"),
        "init": _setting(ctx, "_init"),
        "set": ",".join(_setting(ctx, "_set")),
    }
    flags = ["--//ablations:%s=%s" % (name, value) for name, value in values.items() if value]
    return [_quoted(flag) for flag in flags]

def _cell_folder(ctx):
    if not _setting(ctx, "_data"):
        return ctx.label.name

    # No cache holds what was trained on photos. So each value of the settings has folders of its own: a build with
    # others, or with none, takes nothing away.
    return "%s.photos%d" % (ctx.label.name, hash(" ".join(_settings_given(ctx))) & 0x7fffffff)

def _resolve(ctx, experiment, overrides, name, last = []):
    """The resolved experiment as a file: what trains depends on it alone, not on whatever else `extends` may reach."""
    resolved = ctx.actions.declare_file(name)
    args = ctx.actions.args()
    args.add(experiment, format = "--experiment=%s")
    args.add_all(overrides + _setting(ctx, "_set") + last, format_each = "--set=%s")
    args.add(resolved, format = "--output=%s")
    ctx.actions.run(
        executable = ctx.executable._resolve,
        arguments = [args],
        inputs = [experiment] + ctx.files.experiments + ctx.files._descriptions,
        outputs = [resolved],
        mnemonic = "ResolveExperiment",
        progress_message = "Resolving the experiment of " + ctx.label.name.replace(".", ", "),
    )
    return resolved

def _training_cell_impl(ctx):
    folder = _cell_folder(ctx)
    files = {
        "checkpoint": "checkpoint.safetensors",
        "ground_truth": "ground_truth.json",
        "log": "log.jsonl",
        "metrics": "metrics.textproto",
        "provenance": "provenance.textproto",
        "resolved": "experiment.textproto",
        "results": "results.json",
        "times": "times.textproto",
    }
    outputs = {key: ctx.actions.declare_file("%s/%s" % (folder, name)) for key, name in files.items()}
    data, init = _setting(ctx, "_data"), _setting(ctx, "_init")
    if init and not data:
        fail("--//ablations:init=%s: only with --//ablations:data; without it cells start from the study's pretraining" %
             init)
    experiment = ctx.file.full_scale_experiment if data else ctx.file.experiment
    overrides = ctx.attr.full_scale_overrides if data else ctx.attr.overrides
    resolved = _resolve(ctx, experiment, overrides, folder + ".textproto")
    inputs = [resolved]
    requirements = {}
    args = ctx.actions.args()
    args.add(ctx.attr.mode)
    args.add(resolved, format = "--experiment=%s")
    args.add(ctx.attr.seed, format = "--seed=%s")
    args.add(outputs["metrics"].dirname, format = "--output=%s")
    if data:
        # photos lie outside of what Bazel knows: they are named by their path here and by their SHA-256 in provenance
        requirements = {"no-remote": "1"}
        args.add(data, format = "--data=%s")
        if init:
            args.add(init, format = "--init=%s")
    elif ctx.attr.pretrained:
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
        execution_requirements = requirements,
        mnemonic = "TrainCell",
        progress_message = "Training " + ctx.label.name.replace(".", ", "),
    )
    return [
        DefaultInfo(files = depset(outputs.values()), runfiles = ctx.runfiles(files = outputs.values())),
        CellInfo(seed = ctx.attr.seed, **outputs),
    ]

_SETTINGS = {
    "_data": attr.label(default = "//ablations:data"),
    "_init": attr.label(default = "//ablations:init"),
    "_set": attr.label(default = "//ablations:set"),
}

_training_cell = rule(
    implementation = _training_cell_impl,
    attrs = dict(
        _SETTINGS,
        experiment = attr.label(allow_single_file = [".textproto"], mandatory = True),
        experiments = attr.label(default = "//experiments:textprotos", doc = "what `extends` may reach"),
        full_scale_experiment = attr.label(allow_single_file = [".textproto"], mandatory = True),
        full_scale_overrides = attr.string_list(),
        mode = attr.string(values = ["pretrain", "train"], mandatory = True),
        overrides = attr.string_list(doc = "path=value, as --set takes them"),
        pretrained = attr.label(providers = [CellInfo]),
        seed = attr.int(mandatory = True),
        # In the target configuration: nothing is compiled twice.
        trainer = attr.label(executable = True, cfg = "target", mandatory = True),
        _descriptions = attr.label(default = "//eval:descriptions", doc = "what data.description may name"),
        _resolve = attr.label(default = "//experiments:resolve", executable = True, cfg = "target"),
    ),
)

def _study_images_impl(ctx):
    folder = ctx.actions.declare_directory(ctx.label.name)
    few_images = [
        "data.synthetic.train_images=50",  # none is shown, and validation wants as many as a batch has
        "data.synthetic.test_images=%d" % ctx.attr.count,
    ]
    resolved = _resolve(ctx, ctx.file.experiment, ctx.attr.overrides, ctx.label.name + ".textproto", few_images)
    args = ctx.actions.args()
    args.add(resolved, format = "--experiment=%s")
    args.add(folder.path, format = "--output=%s")
    ctx.actions.run(
        executable = ctx.executable._draw,
        arguments = [args],
        inputs = [resolved],
        outputs = [folder],
        mnemonic = "DrawImages",
        progress_message = "Drawing the first test images of " + ctx.label.name,
    )
    return [DefaultInfo(files = depset([folder]))]

_study_images = rule(
    implementation = _study_images_impl,
    attrs = dict(
        _SETTINGS,
        count = attr.int(default = 12, doc = "test images, the first ones"),
        experiment = attr.label(allow_single_file = [".textproto"], mandatory = True),
        experiments = attr.label(default = "//experiments:textprotos"),
        overrides = attr.string_list(),
        _descriptions = attr.label(default = "//eval:descriptions", doc = "what data.description may name"),
        _resolve = attr.label(default = "//experiments:resolve", executable = True, cfg = "target"),
        _draw = attr.label(default = "//tools/trainer:draw_images", executable = True, cfg = "target"),
    ),
)

def _study_experiments_impl(ctx):
    lines = []
    for experiment, rows in [
        (ctx.file.experiment, ctx.attr.overrides),
        (ctx.file.full_scale_experiment, ctx.attr.full_scale_overrides),
    ]:
        for row, overrides in rows.items():
            lines.append("\t".join([row, experiment.short_path] + overrides))
    file = ctx.actions.declare_file(ctx.label.name + ".tsv")
    ctx.actions.write(file, "\n".join(lines) + "\n")
    return [DefaultInfo(files = depset([file]), runfiles = ctx.runfiles(files = [file]))]

_study_experiments = rule(
    doc = "What a study trains, a line each: variant, experiment, overrides; drawn people first, then photos.",
    implementation = _study_experiments_impl,
    attrs = {
        "experiment": attr.label(allow_single_file = [".textproto"], mandatory = True),
        "full_scale_experiment": attr.label(allow_single_file = [".textproto"], mandatory = True),
        "full_scale_overrides": attr.string_list_dict(),
        "overrides": attr.string_list_dict(),
    },
)

# All but the checkpoint.
_READ_BY_REPORT = ["ground_truth", "log", "metrics", "provenance", "resolved", "results", "times"]

_REPORT_FILES = ["html", "txt", "json"]

def _study_report_impl(ctx):
    html, text, json = [
        ctx.actions.declare_file("%s/report.%s" % (ctx.label.name, ending))
        for ending in _REPORT_FILES
    ]
    photos = bool(_setting(ctx, "_data"))
    args = ctx.actions.args()
    args.add(ctx.attr.study, format = "--study=%s")
    args.add(ctx.attr.baseline, format = "--baseline=%s")
    label = str(ctx.label)[:-len("_report")].lstrip("@")
    args.add(" ".join([label] + _settings_given(ctx)), format = "--label=%s")
    args.add(html, format = "--html=%s")
    args.add(text, format = "--text=%s")
    args.add(json, format = "--json=%s")
    inputs = []
    rows = [(cell[CellInfo], "pretraining") for cell in ctx.attr.pretraining if not photos]
    rows += [(cell[CellInfo], row) for cell, row in zip(ctx.attr.cells, ctx.attr.rows)]
    for info, row in rows:
        inputs += [getattr(info, name) for name in _READ_BY_REPORT]
        args.add("--cell=%s:%d:%s" % (row, info.seed, info.metrics.dirname))
    if not photos:
        images = ctx.file.images
        inputs.append(images)
        args.add(images.path + "/images/val2017", format = "--images=%s")
    if ctx.files.cost:
        inputs.append(ctx.files.cost[0])
        args.add(ctx.files.cost[0], format = "--cost=%s")
    ctx.actions.run(
        executable = ctx.executable._report,
        arguments = [args],
        inputs = inputs,
        outputs = [html, text, json],
        mnemonic = "StudyReport",
        progress_message = "Comparing the variants of %s" % ctx.attr.study,
    )
    return [DefaultInfo(files = depset([html, text, json]), runfiles = ctx.runfiles(files = [html, text, json]))]

_study_report = rule(
    implementation = _study_report_impl,
    attrs = dict(
        _SETTINGS,
        baseline = attr.string(mandatory = True),
        cells = attr.label_list(providers = [CellInfo]),
        cost = attr.label(),
        images = attr.label(allow_single_file = True),
        pretraining = attr.label_list(providers = [CellInfo]),
        rows = attr.string_list(doc = "the variant of each cell"),
        study = attr.string(mandatory = True),
        _report = attr.label(default = "//ablations:report", executable = True, cfg = "target"),
    ),
)

def _study_program_impl(ctx):
    html, text, json = ctx.files.report
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
echo "reproduce: ./bazelw run "{command}"    (commit $commit)"
echo "report:    $(readlink -f "{html}")"
echo "           $(readlink -f "{json}")"
""".format(
            command = _quoted(" ".join([str(ctx.label).lstrip("@")] + _settings_given(ctx))),
            html = html.short_path,
            json = json.short_path,
            text = text.short_path,
        ),
    )
    return [DefaultInfo(executable = script, runfiles = ctx.runfiles(files = [html, text, json]))]

_study_program = rule(
    implementation = _study_program_impl,
    attrs = dict(_SETTINGS, report = attr.label(mandatory = True)),
    executable = True,
)

def attention_scheme(name, srcs, deps = [], visibility = None):
    """A scheme of one's own that registers itself as CUSTOM, and the trainer that links it alone.

    A variant uses it with scheme = ":NAME". One that stays gets a name in experiment.proto and a target in
    //grouppose/attention.
    """
    cc_library(
        name = name,
        srcs = srcs,
        alwayslink = True,
        visibility = visibility,
        deps = deps + [
            "//grouppose/attention:scheme",
            "//grouppose/attention:sub_layer",
            "//grouppose/nn:dropout",
            "//grouppose/nn:linear",
            "//grouppose/nn:multihead_attention",
            "//grouppose/nn:normalisation",
            "@libtorch//:torch",
        ],
    )
    cc_binary(
        name = name + ".trainer",
        visibility = visibility,
        deps = [name, "//tools/trainer:trainer_main"],
    )

def _is_label(scheme):
    return scheme.startswith(":") or scheme.startswith("//")

def _unique(items):
    return {item: None for item in items}.keys()

def _trainer_of(scheme):
    return scheme + ".trainer" if _is_label(scheme) else "//tools/trainer:trainer_" + scheme

def variant(scheme, overrides = [], seeds = 1, full_scale_overrides = None, same_as = None):
    """One row of a study.

    Args:
      scheme: of the decoder, "full" for FULL, or the label of an attention_scheme. The cells run the trainer that links
        only this scheme.
      overrides: "path=value" as --set takes them, on top of the study's experiment.
      seeds: how many seeds, 0 ... seeds - 1; the variants of one seed start from the same pretraining.
      full_scale_overrides: instead of `overrides` with --//ablations:data; the same ones where it is not given.
      same_as: a variant of the study that this one shares with (`shared_with`), whose cells are this row too. What
        that study says of it must be what is said here.
    """
    return struct(
        full_scale_overrides = overrides if full_scale_overrides == None else full_scale_overrides,
        overrides = overrides,
        same_as = same_as,
        scheme = scheme,
        seeds = seeds,
    )

def _as_written(value):
    # existing_rule gives lists as tuples
    return list(value) if type(value) in ["list", "tuple"] else value

def _cell(name, attributes, shared = None, must_share = False):
    """The label of a cell: `shared`, where there is one of the same attributes, or a new one called `name`."""
    existing = native.existing_rule(shared) if shared else None
    different = ["nothing, for it is not there"]
    if existing:
        different = [key for key, value in attributes.items() if _as_written(existing[key]) != value]
        if not different:
            return ":" + shared
    if must_share:
        fail("%s: same_as names %s, which differs in %s" % (name, shared, ", ".join(different)))
    _training_cell(name = name, tags = ["manual"], **attributes)
    return ":" + name

def training_cell(name, experiment, seed, scheme = None, trainer = None, overrides = [], pretrained = None, **kwargs):
    """One training outside of a study, as a cached build action.

    Args:
      name: of the target; its files are those of a study's cell.
      experiment: a textproto under //experiments.
      seed: of the training.
      scheme: of the decoder, "full" for FULL, or the label of an attention_scheme; None for a pretraining alone.
      trainer: another program than the one that links the scheme alone.
      overrides: "path=value" as --set takes them.
      pretrained: a cell without scheme, which this one starts from.
      **kwargs: of every target: tags, visibility.
    """
    attention = ["model.self_attention=" + ("CUSTOM" if _is_label(scheme) else scheme.upper())] if scheme else []
    _training_cell(
        name = name,
        experiment = experiment,
        full_scale_experiment = experiment,
        mode = "train" if scheme else "pretrain",
        overrides = overrides + attention,
        pretrained = pretrained,
        seed = seed,
        trainer = trainer or _trainer_of(scheme or "pretraining"),
        **kwargs
    )

def _label(experiment):
    return experiment if experiment.startswith("//") or experiment.startswith(":") else ":" + experiment

def studies_of_this_file():
    """The targets NAME.experiments of all studies that are defined above."""
    return [rule["name"] for rule in native.existing_rules().values() if rule["kind"] == "_study_experiments"]

def ablation_study(
        name,
        experiment,
        baseline,
        variants,
        overrides = [],
        full_scale_experiment = "//experiments:grouppose_r50_coco.textproto",
        full_scale_overrides = [],
        shared_with = None,
        cost = {},
        visibility = None):
    """Trains every variant with every seed and compares them with the baseline.

    Args:
      name: the program that prints the comparison.
      experiment: a textproto under //experiments, what all variants share.
      baseline: the variant that the others are compared with.
      variants: name -> variant(...).
      overrides: "path=value" for all cells, the pretraining included.
      full_scale_experiment: instead of `experiment` with --//ablations:data.
      full_scale_overrides: instead of `overrides` with --//ablations:data.
      shared_with: a study defined above in the same file. Where it has the same pretraining, or the same cell under the
        same name (or under the name that `same_as` gives), that one is used and nothing is trained twice.
      cost: further arguments of the attention_cost (//ablations/cost:cost.bzl) that a study of more than one scheme
        makes after its cells; by default at the size of the published model.
      visibility: of the program and the report.
    """
    if baseline not in variants:
        fail("%s: the baseline %r is none of the variants %s" % (name, baseline, sorted(variants)))
    for key, value in variants.items():
        if value.seeds < 1:
            fail("%s: variant %r has %d seeds, expected at least one" % (name, key, value.seeds))
    tags = ["manual"]

    common = dict(
        experiment = _label(experiment),
        full_scale_experiment = _label(full_scale_experiment),
    )
    pretraining = []
    for seed in range(max([v.seeds for v in variants.values()])):
        pretraining.append(_cell(
            name = "%s.pretraining.seed%d" % (name, seed),
            shared = shared_with and "%s.pretraining.seed%d" % (shared_with, seed),
            attributes = dict(
                common,
                full_scale_overrides = full_scale_overrides,
                mode = "pretrain",
                overrides = overrides,
                seed = seed,
                trainer = "//tools/trainer:trainer_pretraining",
            ),
        ))
    cells, rows = [], []
    all_overrides, all_full_scale_overrides = {}, {}
    for key, value in variants.items():
        scheme = ["model.self_attention=" + ("CUSTOM" if _is_label(value.scheme) else value.scheme.upper())]
        all_overrides[key] = overrides + scheme + value.overrides
        all_full_scale_overrides[key] = full_scale_overrides + scheme + value.full_scale_overrides
        for seed in range(value.seeds):
            cells.append(_cell(
                name = "%s.%s.seed%d" % (name, key, seed),
                shared = shared_with and "%s.%s.seed%d" % (shared_with, value.same_as or key, seed),
                must_share = bool(value.same_as),
                attributes = dict(
                    common,
                    full_scale_overrides = all_full_scale_overrides[key],
                    mode = "train",
                    overrides = all_overrides[key],
                    pretrained = pretraining[seed],
                    seed = seed,
                    trainer = _trainer_of(value.scheme),
                ),
            ))
            rows.append(key)
    _study_experiments(
        name = name + ".experiments",
        full_scale_overrides = all_full_scale_overrides,
        overrides = all_overrides,
        tags = tags,
        **common
    )
    _study_images(
        name = name + ".images",
        experiment = experiment,
        overrides = overrides,
        tags = tags,
    )
    compares_schemes = len(_unique([value.scheme for value in variants.values()])) > 1
    if compares_schemes:
        attention_cost(
            name = name + ".cost",
            after = cells,
            own_schemes = _unique([value.scheme for value in variants.values() if _is_label(value.scheme)]),
            **cost
        )
    _study_report(
        name = name + "_report",
        baseline = baseline,
        cells = cells,
        cost = name + ".cost" if compares_schemes else None,
        images = name + ".images",
        pretraining = pretraining,
        rows = rows,
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
