#!/usr/bin/env python3
"""The static profile of CUDA kernels: what the compiler gave each of them, known without a GPU. The rule
cuda_static_profile (cuda.bzl) calls this.

  cuda_profile.py compile OUTPUT SOURCE NVCC ... runs nvcc, which is asked for ptxas -v and to keep its files here, and
                                                 makes a table of what it said, and of the code that it made
  cuda_profile.py compare BUILT TABLE [UPDATE]   exit code 1 where the checked-in table says something else, or a kernel
                                                 spills; UPDATE is what to run then
  cuda_profile.py update BUILT TABLE             writes the table, with the architectures that it has already

A table is CSV, a row for a kernel and an architecture:

  kernel         its name and template arguments, without namespaces
  architecture   sm_90
  registers      of a thread
  spilled_bytes  stored and loaded by a thread where registers did not suffice
  stack_bytes    of a thread
  shared_bytes   of a block, without what a launch adds
  code_bytes
  threads        the largest block that it was compiled for; 0: not said
  warps          of such blocks that a multiprocessor holds at once (theoretical occupancy), by registers, threads and
                 shared memory; 0: not said
"""

import csv
import glob
import io
import os
import re
import struct
import subprocess
import sys

COLUMNS = ["kernel", "architecture", "registers", "spilled_bytes", "stack_bytes", "shared_bytes", "code_bytes", "threads", "warps"]

# of a multiprocessor: warps, and kilobytes of shared memory; CUDA C++ Programming Guide, "Technical Specifications per
# Compute Capability"
MULTIPROCESSORS = {
    "sm_75": (32, 64), "sm_80": (64, 164), "sm_86": (48, 100), "sm_89": (48, 100),
    "sm_90": (64, 228), "sm_100": (64, 228), "sm_103": (64, 228), "sm_120": (48, 100), "sm_121": (48, 100),
}  # fmt: skip
REGISTERS, REGISTERS_UNIT, BLOCKS = 65536, 256, 32
RESERVED_SHARED = 1024  # of each block, from sm_80 on


def warps(architecture, registers, shared, threads):
    """How many warps of such blocks a multiprocessor holds."""
    if threads == 0 or architecture not in MULTIPROCESSORS:
        return 0
    most_warps, kilobytes = MULTIPROCESSORS[architecture]
    of_block = -(-threads // 32)
    of_warp = -(-registers * 32 // REGISTERS_UNIT) * REGISTERS_UNIT
    by_registers = REGISTERS // of_warp // of_block
    shared += RESERVED_SHARED if architecture != "sm_75" else 0
    by_shared = kilobytes * 1024 // shared if shared else BLOCKS
    return min(BLOCKS, most_warps // of_block, by_registers, by_shared) * of_block


def sections(cubin):
    """Name and contents of every section of a 64-bit ELF file."""
    offset, size, count, names = (
        struct.unpack_from("<Q", cubin, 40)[0], *struct.unpack_from("<HHH", cubin, 58)
    )  # fmt: skip
    headers = [struct.unpack_from("<IIQQQQIIQQ", cubin, offset + i * size) for i in range(count)]
    texts = headers[names][4]
    for header in headers:
        begin = texts + header[0]
        yield cubin[begin : cubin.index(b"\0", begin)].decode(), cubin[header[4] : header[4] + header[5]]


def max_threads(information):
    """Of a kernel's .nv.info section: entries of format, attribute, and a value or the size of what follows."""
    at = 0
    while at + 4 <= len(information):
        form, attribute, size = struct.unpack_from("<BBH", information, at)
        if form == 4 and attribute == 5:  # with contents; EIATTR_MAX_THREADS
            x, y, z = struct.unpack_from("<III", information, at + 4)
            return x * y * z
        at += 4 + (size if form == 4 else 0)
    return 0


def read_cubin(path):
    """Mangled name -> bytes of code and largest block."""
    with open(path, "rb") as file:
        contents = dict(sections(file.read()))
    return {
        name[len(".text.") :]: (len(code), max_threads(contents.get(".nv.info." + name[len(".text.") :], b"")))
        for name, code in contents.items()
        if name.startswith(".text.")
    }


def read_log(text):
    """(architecture, mangled name) -> registers, spilled, stack and shared bytes."""
    found, key, numbers = {}, None, {}
    for line in text.splitlines():
        entry = re.search(r"Compiling entry function '(\S+)' for '(\w+)'", line)
        if entry:
            key, numbers = (entry.group(2), entry.group(1)), {}
        stack = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line)
        if stack and key:
            numbers = {"stack": int(stack.group(1)), "spilled": int(stack.group(2)) + int(stack.group(3))}
        used = re.search(r"Used (\d+) registers", line)
        if used and key:
            shared = re.search(r"(\d+) bytes smem", line)
            found[key] = (int(used.group(1)), numbers["spilled"], numbers["stack"], int(shared.group(1)) if shared else 0)
            key = None
    return found


def short_names(mangled):
    """Mangled name -> what the table calls it."""
    plain = subprocess.run(["c++filt"], input="\n".join(mangled), capture_output=True, text=True, check=True).stdout
    names = {}
    for name, text in zip(mangled, plain.splitlines()):
        depth = 0
        for i, letter in enumerate(text):
            depth += {"<": 1, ">": -1}.get(letter, 0)
            if letter == "(" and depth == 0:  # the parameters
                text = text[:i]
                break
        text = re.sub(r"\b[a-z_][a-z_0-9]*::", "", re.sub(r"^void ", "", text))
        names[name] = text.replace("> >", ">>").replace("> >", ">>").replace("__nv_", "").replace("__half", "half")
    assert len(set(names.values())) == len(names), "two kernels of one name: %s" % sorted(names.values())
    return names


def make(log, cubins):
    numbers = read_log(log)
    codes = {}
    for path in cubins:
        architecture = re.findall(r"(?:sm|compute)_(\d+\w*)", os.path.basename(path))[-1]
        codes.update({("sm_" + architecture, name): code for name, code in read_cubin(path).items()})
    assert set(numbers) == set(codes), "ptxas and its cubins disagree: %s" % sorted(set(numbers) ^ set(codes))
    names = short_names(sorted({name for _, name in numbers}))
    rows = []
    for (architecture, name), (registers, spilled, stack, shared) in numbers.items():
        code, threads = codes[architecture, name]
        row = [names[name], architecture, registers, spilled, stack, shared, code, threads]
        rows.append(row + [warps(architecture, registers, shared, threads)])
    return sorted(rows, key=lambda row: (row[0], int(row[1][3:])))


def write(rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return text.getvalue()


def compile_and_profile(output, source, command):
    """nvcc's exit code; passes on what it says, but for ptxas's numbers."""
    run = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    said = [line for line in run.stderr.splitlines() if not re.match(r"ptxas info|\s+\d+ bytes stack frame", line)]
    if said:
        print("\n".join(said), file=sys.stderr)
    if run.returncode == 0:
        rows = make(run.stderr, sorted(glob.glob(os.path.splitext(source)[0] + ".*cubin")))
        with open(output, "w", encoding="utf-8") as file:
            file.write(write(rows))
    return run.returncode


def read(path):
    """(kernel, architecture) -> row."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows and list(rows[0]) == COLUMNS, "%s: expected the columns %s" % (path, ",".join(COLUMNS))
    return {(row["kernel"], row["architecture"]): row for row in rows}


def compare(built_path, table_path, update):
    """Every difference, a line each. The build may have more architectures than the table."""
    built, table = read(built_path), read(table_path)
    architectures = {architecture for _, architecture in table}
    faults = [
        "%s for %s spills %s bytes" % (*key, row["spilled_bytes"]) for key, row in built.items() if row["spilled_bytes"] != "0"
    ]
    differences = []
    for key in sorted(set(table) | {key for key in built if key[1] in architectures}):
        if key not in built or key not in table:
            differences.append("%s for %s is %s" % (*key, "new" if key in built else "gone"))
            continue
        differences += [
            "%s for %s has %s %s, the table says %s" % (*key, name, built[key][name], table[key][name])
            for name in COLUMNS[2:]
            if built[key][name] != table[key][name]
        ]
    if differences and update:
        differences.append("if that is as it should be, run: %s" % update)
    return faults + differences


def update_table(built_path, table_path):
    architectures = {architecture for _, architecture in read(table_path)} if os.path.exists(table_path) else None
    rows = [row for row in read(built_path).values() if architectures is None or row["architecture"] in architectures]
    with open(table_path, "w", encoding="utf-8") as file:
        file.write(write([[row[name] for name in COLUMNS] for row in rows]))
    print("%s: %d rows" % (table_path, len(rows)))


def main(arguments):
    if len(arguments) > 3 and arguments[0] == "compile":
        return compile_and_profile(arguments[1], arguments[2], arguments[3:])
    if len(arguments) in (3, 4) and arguments[0] == "compare":
        faults = compare(arguments[1], arguments[2], arguments[3] if len(arguments) == 4 else "")
        print("\n".join(faults) if faults else "the table is what was built")
        return 1 if faults else 0
    if len(arguments) == 3 and arguments[0] == "update":
        update_table(arguments[1], os.path.join(os.environ.get("BUILD_WORKSPACE_DIRECTORY", "."), arguments[2]))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
