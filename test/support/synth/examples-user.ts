import { hexBytes } from "./byte-writer.ts";
import { synthContext } from "./contexts.ts";
import { SynthMinidump } from "./synth-minidump.ts";

/** User-mode dumps of `examples/`. Program, module and thread names are invented, system ones are not. */

const STACK = 0x600;

/** 16 bytes that look like a GUID and depend on one number. */
function guid(seed: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, i) => (seed * 73 + i * 151 + ((seed * i) >> 3)) & 0xff);
}

/** A stack of zeros with 64-bit words at distances from its start. */
function stack(words: readonly (readonly [distance: number, value: bigint])[], size = STACK): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [distance, value] of words) view.setBigUint64(distance, value, true);
  return bytes;
}

/** Windows x64: a null object pointer in a rendering library, on a worker thread. */
function inkwell(): Uint8Array {
  const exe = 0x7ff6a1c40000n;
  const quill = 0x7ffb40a20000n;
  const ntdll = 0x7ffb9d6f0000n;
  const kernel32 = 0x7ffb9c150000n;
  const base = 0x7ffb9b0c0000n;
  const rip = quill + 0x2f4an;
  const sp = 0x4a1f6ff5c0n;
  const context = synthContext("amd64", {
    rip,
    rsp: sp,
    rbp: sp + 0x80n,
    rax: 0,
    rcx: 0,
    rdx: 0x1c4f2a80n,
    rbx: 0x245e0c1f7d0n,
    r8: 4,
    cs: 0x33,
    ss: 0x2b,
    efl: 0x10246,
  });
  const dump = new SynthMinidump();
  dump.timestamp = Date.parse("2025-04-22T13:05:41Z") / 1000;
  dump.flags = 0x1821n;
  dump
    .system({ cpu: "amd64", os: "windows", version: "10.0.22631", cpuCount: 12, level: 6, revision: 0x9a03 })
    .misc({
      pid: 0x2fd4,
      createTime: dump.timestamp - 532,
      size: 0x554,
      maxMhz: 2500,
      buildString: "22621.ni_release.220506-1250",
    })
    .module({
      base: exe,
      size: 0x68000,
      name: "C:\\Program Files\\Inkwell\\inkwell.exe",
      timestamp: 0x66a1b2c3,
      version: "4.2.0.118",
      codeView: { kind: "rsds", guid: guid(1), age: 1, pdb: "D:\\build\\inkwell\\x64\\Release\\inkwell.pdb" },
    })
    .module({
      base: quill,
      size: 0x51000,
      name: "C:\\Program Files\\Inkwell\\quillrender.dll",
      timestamp: 0x66a1b1f0,
      version: "4.2.0.118",
      codeView: { kind: "rsds", guid: guid(2), age: 3, pdb: "quillrender.pdb" },
    })
    .module({
      base: ntdll,
      size: 0x217000,
      name: "C:\\Windows\\System32\\ntdll.dll",
      timestamp: 0xb5ced1c6,
      checksum: 0x21d9a1,
      version: "10.0.22621.3733",
      codeView: { kind: "rsds", guid: guid(3), age: 1, pdb: "ntdll.pdb" },
    })
    .module({
      base: kernel32,
      size: 0xc4000,
      name: "C:\\Windows\\System32\\kernel32.dll",
      timestamp: 0x1a2b3c4d,
      version: "10.0.22621.3733",
      codeView: { kind: "rsds", guid: guid(4), age: 1, pdb: "kernel32.pdb" },
    })
    .module({
      base,
      size: 0x3a7000,
      name: "C:\\Windows\\System32\\KERNELBASE.dll",
      timestamp: 0x7c6b5a49,
      version: "10.0.22621.3733",
      codeView: { kind: "rsds", guid: guid(5), age: 1, pdb: "kernelbase.pdb" },
    })
    .unloadedModule({ base: 0x7ffb3f100000n, size: 0x1c000, name: "quillspell.dll", timestamp: 0x66a1b1aa })
    .thread({
      id: 0x1a48,
      name: "main",
      teb: 0x4a1f401000n,
      context: synthContext("amd64", { rip: ntdll + 0x9f8d4n, rsp: 0x4a1f2ff8a8n, cs: 0x33, ss: 0x2b }),
      stack: {
        address: 0x4a1f2ff8a8n,
        bytes: stack([
          [0, base + 0x35f5en],
          [0x98, exe + 0x1b20n],
          [0xd8, kernel32 + 0x1257dn],
          [0x108, ntdll + 0x5af28n],
        ]),
      },
    })
    .thread({
      id: 0x2c90,
      name: "RenderWorker",
      teb: 0x4a1f405000n,
      context,
      stack: {
        address: sp,
        bytes: stack([
          [0x38, quill + 0x1d07n],
          [0x78, quill + 0x8b3en],
          [0xc8, exe + 0x6a91n],
          [0x108, kernel32 + 0x1257dn],
          [0x138, ntdll + 0x5af28n],
        ]),
      },
    })
    .threadNames()
    .exception({ threadId: 0x2c90, code: 0xc0000005, address: rip, parameters: [0, 0x18], context })
    .memory(rip - 16n, hexBytes("48895c2408574883ec2090488bf9 9090 8b4118 85c0 7408 488b5c2430 4883c4205fc3"));
  return dump.build();
}

/** Linux x64: a SIGSEGV as Breakpad writes it, with the /proc texts. */
function cartograph(): Uint8Array {
  const exe = 0x55d0c8a00000n;
  const tiles = 0x7f3c5e200000n;
  const libc = 0x7f3c5dc00000n;
  const rip = tiles + 0x1a6f3n;
  const sp = 0x7ffd4be11940n;
  const context = synthContext("amd64", {
    rip,
    rsp: sp,
    rbp: sp + 0x40n,
    rdi: 8,
    rsi: 0x55d0ca1b42e0n,
    cs: 0x33,
    ss: 0x2b,
    efl: 0x10206,
  });
  const dump = new SynthMinidump();
  dump.timestamp = Date.parse("2025-05-09T20:17:12Z") / 1000;
  dump
    .thread({
      id: 48213,
      context,
      stack: {
        address: sp,
        bytes: stack([
          [0x40, sp + 0xb0n],
          [0x48, tiles + 0x1b240n],
          [0xb0, sp + 0x130n],
          [0xb8, exe + 0x9c14n],
          [0x138, libc + 0x29d90n],
        ]),
      },
    })
    .thread({
      id: 48219,
      context: synthContext("amd64", { rip: libc + 0x91117n, rsp: 0x7f3c5bdfed60n, cs: 0x33, ss: 0x2b }),
      stack: {
        address: 0x7f3c5bdfed60n,
        bytes: stack([
          [8, libc + 0x93a41n],
          [0x58, tiles + 0x30c11n],
          [0xb8, libc + 0x94ac3n],
        ]),
      },
    })
    .module({
      base: exe,
      size: 0x3d000,
      name: "/opt/cartograph/bin/cartograph",
      codeView: { kind: "elf", buildId: Uint8Array.from([...guid(11), 1, 2, 3, 4]) },
    })
    .module({
      base: libc,
      size: 0x21c000,
      name: "/usr/lib/x86_64-linux-gnu/libc.so.6",
      codeView: { kind: "elf", buildId: Uint8Array.from([...guid(12), 5, 6, 7, 8]) },
    })
    .module({
      base: tiles,
      size: 0x5e000,
      name: "/opt/cartograph/lib/libtilecache.so",
      codeView: { kind: "elf", buildId: Uint8Array.from([...guid(13), 9, 10, 11, 12]) },
    })
    .exception({ threadId: 48213, code: 11, flags: 1, address: 8, context })
    .system({
      cpu: "amd64",
      os: "linux",
      version: "6.1.0",
      csd: "Linux 6.1.0-21-amd64 #1 SMP x86_64",
      cpuCount: 8,
      level: 6,
      revision: 0x8e0c,
    })
    .memory(rip - 8n, hexBytes("554889e54883ec10 488b07 488b4010 c9 c3"))
    .textStream(
      0x47670003,
      "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Example CPU\nmicrocode\t: 0xf4\n\n",
    )
    .textStream(0x47670004, "Name:\tcartograph\nTgid:\t48213\nPid:\t48213\nThreads:\t2\n")
    .textStream(
      0x47670005,
      'DISTRIB_ID=Debian\nDISTRIB_RELEASE=12\nDISTRIB_CODENAME=bookworm\nDISTRIB_DESCRIPTION="Debian GNU/Linux 12 (bookworm)"\n',
    )
    .textStream(
      0x47670009,
      [
        "55d0c8a00000-55d0c8a3d000 r-xp 00000000 08:01 131 /opt/cartograph/bin/cartograph",
        "7f3c5dc00000-7f3c5de1c000 r-xp 00000000 08:01 977 /usr/lib/x86_64-linux-gnu/libc.so.6",
        "7f3c5e200000-7f3c5e25e000 r-xp 00000000 08:01 139 /opt/cartograph/lib/libtilecache.so",
        "7ffd4bdf2000-7ffd4be13000 rw-p 00000000 00:00 0 [stack]",
        "",
      ].join("\n"),
    );
  return dump.build();
}

/** Windows ARM64: the program ended itself by a fast fail. */
function ferry(): Uint8Array {
  const exe = 0x7ff7d2a10000n;
  const ntdll = 0x7fff1a300000n;
  const pc = exe + 0x5c9cn;
  const sp = 0x9bf0cff720n;
  const context = synthContext("arm64", {
    pc,
    sp,
    fp: sp + 0x60n,
    lr: exe + 0x5c40n,
    x0: 7,
    x1: 0x21,
    cpsr: 0x60001000,
  });
  const dump = new SynthMinidump();
  dump.timestamp = Date.parse("2025-06-01T08:00:03Z") / 1000;
  dump
    .system({ cpu: "arm64", os: "windows", version: "10.0.26100", cpuCount: 8, level: 8, revision: 0x0d4b })
    .misc({ pid: 7716, createTime: dump.timestamp - 61, size: 0x2c, maxMhz: 3000 })
    .thread({
      id: 6020,
      name: "main",
      teb: 0x9bf0a01000n,
      context,
      stack: {
        address: sp,
        bytes: stack([
          [0x60, sp + 0xc0n],
          [0x68, exe + 0x2f18n],
          [0xc0, 0n],
          [0xc8, ntdll + 0x4d0c4n],
        ]),
      },
    })
    .threadNames()
    .module({
      base: exe,
      size: 0x2a000,
      name: "C:\\Ferry\\ferrycontrol.exe",
      timestamp: 0x67f00d11,
      version: "1.9.3.0",
      codeView: { kind: "rsds", guid: guid(21), age: 1, pdb: "ferrycontrol.pdb" },
    })
    .module({
      base: ntdll,
      size: 0x2b5000,
      name: "C:\\Windows\\System32\\ntdll.dll",
      timestamp: 0x8f3a2b1c,
      version: "10.0.26100.3915",
      codeView: { kind: "rsds", guid: guid(22), age: 1, pdb: "ntdll.pdb" },
    })
    .exception({ threadId: 6020, code: 0xc0000409, flags: 1, address: pc, parameters: [7], context })
    .memory(pc - 8n, hexBytes("e0008052 210480d2 60003ed4 c0035fd6"));
  return dump.build();
}

/** File name → bytes. */
export const USER_EXAMPLES: Readonly<Record<string, () => Uint8Array>> = {
  "user-windows-x64-inkwell.dmp": inkwell,
  "user-linux-x64-cartograph.dmp": cartograph,
  "user-windows-arm64-ferrycontrol.dmp": ferry,
};
