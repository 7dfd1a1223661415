"""Trainers that are broken on purpose, to see that the accuracy gate notices."""

load("//third_party/bazel:defs.bzl", "cc_binary", "cc_library")

def _mutated_source_impl(ctx):
    source = ctx.actions.declare_file(ctx.label.name + ".cc")
    ctx.actions.expand_template(
        template = ctx.file.src,
        output = source,
        substitutions = {ctx.attr.find: ctx.attr.replace},
    )
    return [DefaultInfo(files = depset([source]))]

_mutated_source = rule(
    implementation = _mutated_source_impl,
    attrs = {
        "find": attr.string(mandatory = True),
        "replace": attr.string(mandatory = True),
        "src": attr.label(allow_single_file = [".cc"], mandatory = True),
    },
)

def mutant_trainer(name, src, find, replace, deps, scheme = None):
    """A trainer in which `find` in `src` reads `replace`.

    The changed file defines all that the original defines and is linked first, so the linker takes nothing from the
    original. Where `find` is no longer there, the trainer is not broken, and its gate does not fail as expected.

    Args:
      name: of the trainer.
      src: label of the file.
      find: text in it.
      replace: what stands there instead.
      deps: what the file needs.
      scheme: the scheme that the trainer links as well; None where `src` is that scheme.
    """
    _mutated_source(name = name + ".source", src = src, find = find, replace = replace)
    cc_library(
        name = name + ".mutant",
        srcs = [name + ".source"],
        alwayslink = True,
        deps = deps,
    )
    cc_binary(
        name = name,
        deps = [name + ".mutant", "//tools/trainer:trainer_main"] + ([scheme] if scheme else []),
    )
