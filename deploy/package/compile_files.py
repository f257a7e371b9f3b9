"""Compile Python files, in an interpreter that does nothing else: `python -I -S compile_files.py ROOT < names`.

A line of the input is a file below ROOT. Compiled code is never compared with its source (unchecked-hash), so a cold
start neither reads nor compiles sources. It names the file by its path below ROOT.

What marshal writes depends on what else the interpreter refers to. So the order is fixed, and nothing is loaded here
that the compiler doesn't need.
"""

import os
import py_compile
import sys

UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH


def main() -> int:
    """Compile each file. The exit code is 1 if one has no valid syntax."""
    os.chdir(sys.argv[1])
    failed = 0
    for line in sys.stdin:
        name = line.rstrip("\n")
        try:
            py_compile.compile(name, dfile=name, doraise=True, invalidation_mode=UNCHECKED)
        except py_compile.PyCompileError as error:
            sys.stderr.write(f"{name}: {error.exc_value}\n")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
