"""accuracy_gate_test: a test that fails where metrics are worse than recorded runs were.

    accuracy_gate_test(
        name = "accuracy_test",
        baseline = "baseline.textproto",
        metrics = ":study.full.seed0",          # a file, or a target that makes metrics.textproto or a .json of scores
        recorded = [":study.full.seed%d" % seed for seed in range(1, 6)],
    )

Its output has a line for each metric. With `recorded` there is a program that records these runs as the new baseline:

    ./bazelw run //my:accuracy_test.update

The baseline names the workspace's commit; outside of git, say `-- --commit=NAME`.
"""

def _metrics_file(target):
    all_files = target.files.to_list()
    files = [
        file
        for file in all_files
        if file.basename == "metrics.textproto" or len(all_files) == 1
    ]
    if not files:
        files = [file for file in all_files if file.extension == "json"]
    if len(files) != 1:
        fail("%s: expected one metrics.textproto or .json, found %s" %
             (target.label, [file.basename for file in all_files]))
    return files[0]

def _program(ctx, text, files):
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(script, "#!/bin/sh\n" + text, is_executable = True)
    return [DefaultInfo(executable = script, runfiles = ctx.runfiles(files = [ctx.executable._pose_eval] + files))]

_EXPECT_FAILURE = """# Something is broken here on purpose, and the gate must say so with exit 1; any other exit is no verdict.
status=0
{command} || status=$?
if [ "$status" -eq 1 ]; then echo "the gate fails, as it must"; exit 0; fi
echo "expected exit 1, got $status" >&2
exit 1
"""

def _accuracy_gate_test_impl(ctx):
    metrics = _metrics_file(ctx.attr.metrics)
    command = "'%s' gate --baseline='%s' --metrics='%s' --update_command='%s'" % (
        ctx.executable._pose_eval.short_path,
        ctx.file.baseline.short_path,
        metrics.short_path,
        ctx.attr.update_command,
    )
    text = _EXPECT_FAILURE.format(command = command) if ctx.attr.expected == "fail" else "exec %s\n" % command
    return _program(ctx, text, [ctx.file.baseline, metrics])

_POSE_EVAL = attr.label(default = "//eval:pose_eval", executable = True, cfg = "target")

_accuracy_gate_test = rule(
    implementation = _accuracy_gate_test_impl,
    test = True,
    attrs = {
        "baseline": attr.label(allow_single_file = [".textproto"], mandatory = True, doc = "eval/gate.proto"),
        "expected": attr.string(default = "pass", values = ["fail", "pass"]),
        "metrics": attr.label(allow_files = True, mandatory = True, doc = "what is measured"),
        "update_command": attr.string(),
        "_pose_eval": _POSE_EVAL,
    },
)

_UPDATE = """set -eu
unset BUILD_WORKING_DIRECTORY  # the runs lie here, and not where the user stands
exec '{program}' gate --update --baseline="$BUILD_WORKSPACE_DIRECTORY/{baseline}" {metrics} "$@"
"""

def _update_impl(ctx):
    metrics = [_metrics_file(target) for target in ctx.attr.recorded]
    text = _UPDATE.format(
        baseline = ctx.file.baseline.short_path,
        metrics = " ".join(["--metrics='%s'" % file.short_path for file in metrics]),
        program = ctx.executable._pose_eval.short_path,
    )
    return _program(ctx, text, metrics)

_update = rule(
    implementation = _update_impl,
    executable = True,
    attrs = {
        "baseline": attr.label(allow_single_file = [".textproto"], mandatory = True),
        "recorded": attr.label_list(allow_files = True, mandatory = True),
        "_pose_eval": _POSE_EVAL,
    },
)

def accuracy_gate_test(name, baseline, metrics, recorded = [], expected = "pass", update_command = None, **kwargs):
    """Fails where `metrics` is worse than the recorded runs.

    Args:
      name: of the test.
      baseline: textproto of eval/gate.proto. One that names metrics and tolerances alone is enough for NAME.update.
      metrics: the metrics.textproto of a run, the JSON of `pose_eval score`, or a target that makes one of them.
      recorded: at least five targets like that; NAME.update records them in `baseline`.
      expected: "fail" for a test that shows that the gate notices what is broken on purpose.
      update_command: what the test tells where the run is better than recorded; with `recorded` that of NAME.update.
      **kwargs: of every test: size, tags, visibility.
    """
    if recorded:
        _update(name = name + ".update", baseline = baseline, recorded = recorded, tags = ["manual"])
        update_command = "./bazelw run //%s:%s.update" % (native.package_name(), name)
    _accuracy_gate_test(
        name = name,
        baseline = baseline,
        expected = expected,
        metrics = metrics,
        update_command = update_command,
        **kwargs
    )
