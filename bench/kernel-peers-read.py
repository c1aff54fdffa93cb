"""Reads one kernel dump with a peer and prints what it found as one line of JSON. Run by kernel-peers.ts.

usage: kernel-peers-read.py kdmp FILE          (PyPI kdmp-parser)
       kernel-peers-read.py volatility FILE SYMBOLS   (PyPI volatility3; SYMBOLS holds the kernel's symbol file)
"""

import contextlib
import io
import json
import sys
import time

PAGE = 4096
MAX_MODULES = 100_000


def kdmp(path):
    """Header, context and module list, the list walked by hand: the library gives bytes of pages."""
    import kdmp_parser

    started = time.perf_counter()
    dump = kdmp_parser.KernelDumpParser(path)
    pages = {}

    def read(address, length):
        out = b""
        while length > 0:
            page = address & ~(PAGE - 1)
            if page not in pages:
                pages[page] = dump.read_virtual_page(page)
            if pages[page] is None:
                raise LookupError(hex(page))
            part = bytes(pages[page][address - page : address - page + length])
            out, address, length = out + part, address + len(part), length - len(part)
        return out

    def pointer(address):
        return int.from_bytes(read(address, 8), "little")

    header = dump.header
    modules = []
    entry = pointer(header.PsLoadedModuleList)
    while entry != header.PsLoadedModuleList:
        size = int.from_bytes(read(entry + 0x58, 2), "little")
        name = read(pointer(entry + 0x60), size).decode("utf-16le", "replace")
        modules.append([pointer(entry + 0x30), name])
        entry = pointer(entry)
        if len(modules) > MAX_MODULES:
            raise RuntimeError(f"no end of the module list after {MAX_MODULES}")
    return {
        "modules": len(modules),
        "bugcheck": hex(header.BugCheckCode),
        "ip": hex(dump.context.Rip),
        "seconds": time.perf_counter() - started,
        "bytes": len(pages) * PAGE,
    }


def volatility(path, symbols):
    """windows.crashinfo (bug check, no registers) and windows.modules, as its command line runs them."""
    from volatility3 import cli
    from volatility3.framework.layers import physical

    counted = {"bytes": 0}
    inner = physical.FileLayer.read

    def read(self, offset, length, pad=False):
        counted["bytes"] += length
        return inner(self, offset, length, pad)

    physical.FileLayer.read = read
    started = time.perf_counter()
    rows = {}
    for plugin in ("windows.crashinfo", "windows.modules"):
        said = io.StringIO()
        sys.argv = ["vol", "-q", "--offline", "-r", "json", "-s", symbols, "-f", path, plugin]
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()) as errors:
            try:
                cli.main()
            except SystemExit as error:
                if error.code:
                    raise RuntimeError(f"{plugin}: {errors.getvalue().strip().splitlines()[-1:]}") from None
        text = said.getvalue()
        rows[plugin] = json.loads(text[text.index("[") :]) if "[" in text else []
    if not rows["windows.modules"]:
        raise RuntimeError("no modules")
    crash = rows["windows.crashinfo"][0] if rows["windows.crashinfo"] else {}
    code = next((value for key, value in crash.items() if "BugCheckCode" in key), None)
    return {
        "modules": len(rows["windows.modules"]),
        "bugcheck": hex(code) if isinstance(code, int) else code,
        "ip": None,
        "seconds": time.perf_counter() - started,
        "bytes": counted["bytes"],
    }


try:
    print(json.dumps(kdmp(sys.argv[2]) if sys.argv[1] == "kdmp" else volatility(sys.argv[2], sys.argv[3])))
except Exception as error:  # what a peer says when it cannot is what is measured
    print(json.dumps({"error": f"{type(error).__name__}: {error}"[:160]}))
