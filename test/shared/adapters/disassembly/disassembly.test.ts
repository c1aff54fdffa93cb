import { loadDisassembler } from "../../../../shared/adapters/disassembly/load-disassembler.ts";
import type { CpuArch } from "../../../../shared/dump/address.ts";
import type { Disassembler, Instruction } from "../../../../shared/triage/instruction/disassembler.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const word = (value: number): Uint8Array => new Uint8Array(new Uint32Array([value]).buffer);

async function load(cpu: CpuArch): Promise<Disassembler> {
  const found = await loadDisassembler(cpu);
  if (!found) throw new Error(`no disassembler of ${cpu}`);
  return found;
}

function textOf(found: Instruction | string): string {
  if (typeof found === "string") return found;
  return found.parts.map((part) => (typeof part === "string" ? part : part.plain)).join("");
}

/** Base, index and displacement as `base+index*scale+displacement`, with access and size. */
function operandsOf(found: Instruction | string): string[] {
  if (typeof found === "string") return [];
  return found.memory.map(({ access, size, base, index, scale, displacement, extend, explicit }) =>
    [
      access,
      size,
      `${base ?? ""}+${index ?? ""}*${scale}+${displacement}${extend ?? ""}`,
      ...(explicit ? [] : ["implicit"]),
    ].join(" "),
  );
}

describe("x64 by iced", () => {
  // Texts on the left are as WinDbg prints these bytes in public logs.
  it.each([
    ["8a8164010000", "mov     al,byte ptr [rcx+164h]", ["read 1 rcx+*1+356"]],
    ["f0480fc11f", "lock xadd qword ptr [rdi],rbx", ["readwrite 8 rdi+*1+0"]],
    ["488b81c0ffffff", "mov     rax,qword ptr [rcx-40h]", ["read 8 rcx+*1+-64"]],
    ["f77c2428", "idiv    eax,dword ptr [rsp+28h]", ["read 4 rsp+*1+40"]],
    ["f7f9", "idiv    eax,ecx", []],
    ["c605f471020078", "mov     byte ptr [00000001`400281fb],78h", ["write 1 +*1+5368873467"]],
    ["e800000000", "call    00000001`40001005", ["write 8 rsp+*1+-8 implicit"]],
    ["ff10", "call    qword ptr [rax]", ["read 8 rax+*1+0", "write 8 rsp+*1+-8 implicit"]],
    ["7410", "je      00000001`40001012", []],
    ["f3a4", "rep movs byte ptr [rdi],byte ptr [rsi]", ["write 1 rdi+*1+0", "read 1 rsi+*1+0"]],
    ["65488b042530000000", "mov     rax,qword ptr gs:[30h]", ["read 8 +*1+48"]],
    ["0f1144010f", "movups  xmmword ptr [rcx+rax+0Fh],xmm0", ["write 16 rcx+rax*1+15"]],
    ["ff742408", "push    qword ptr [rsp+8]", ["read 8 rsp+*1+8", "write 8 rsp+*1+-8 implicit"]],
    ["488d442420", "lea     rax,[rsp+20h]", []],
    ["48c7c0ffffffff", "mov     rax,0FFFFFFFFFFFFFFFFh", []],
    ["cd29", "int     29h", []],
    ["cc", "int     3", []],
    ["c3", "ret", ["read 8 rsp+*1+0 implicit"]],
    ["c7042545000000", "cut", []],
    ["8b", "cut", []],
    ["c4e27990040a0000000000", "invalid", []],
  ])("%s is %s", async (bytes, text, operands) => {
    const found = (await load("amd64")).decode(hex(bytes), 0x140001000n);
    expect(textOf(found)).toBe(text);
    expect(operandsOf(found)).toEqual(operands);
  });

  it("knows flow, targets, divisors, privilege and alignment", async () => {
    const x64 = await load("amd64");
    expect(x64.decode(hex("ffd0"), 0n)).toMatchObject({ flow: "call", target: "rax" });
    expect(x64.decode(hex("ebfe"), 0x1000n)).toMatchObject({ flow: "jump", target: 0x1000n });
    expect(x64.decode(hex("f7f9"), 0n)).toMatchObject({ flow: "next", divisor: "ecx" });
    expect(x64.decode(hex("f4"), 0n)).toMatchObject({ privileged: true });
    expect(x64.decode(hex("0f2800"), 0n)).toMatchObject({ aligned: true });
    expect(x64.decode(hex("0f1000"), 0n)).toMatchObject({ aligned: false });
  });

  it("gives the memory of its objects back", async () => {
    const x64 = await load("amd64");
    for (let round = 0; round < 50_000; round++) x64.decode(hex("ff10"), 0n);
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
    for (let round = 0; round < 100_000; round++) x64.decode(hex("ff10"), 0n);
    const after = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
    // Kept ones would cost some 43 MB (86 MB for 200,000).
    expect(after - before).toBeLessThan(16 * 1024 * 1024);
  });
});

describe("x86 by iced", () => {
  it.each([
    ["0fb74ffa", "movzx   ecx,word ptr [edi-6]"],
    ["a118000000", "mov     eax,dword ptr ds:[00000018h]"],
    ["64a118000000", "mov     eax,dword ptr fs:[00000018h]"],
    ["f3a5", "rep movs dword ptr es:[edi],dword ptr [esi]"],
    ["8945f8", "mov     dword ptr [ebp-8],eax"],
    ["5d", "pop     ebp"],
  ])("%s is %s", async (bytes, text) => {
    expect(textOf((await load("x86")).decode(hex(bytes), 0x401000n))).toBe(text);
  });
});

describe("ARM64 by Capstone and our decoder", () => {
  it.each([
    [0xf9400420, "ldr         x0,[x1,#8]", ["read 8 x1+*1+8"]],
    [0xb9400008, "ldr         w8,[x0]", ["read 4 x0+*1+0"]],
    [0xa9bf7bfd, "stp         fp,lr,[sp,#-0x10]!", ["write 16 sp+*1+-16"]],
    [0xf8617800, "ldr         x0,[x0,x1,lsl #3]", ["read 8 x0+x1*8+0"]],
    [0xb8614800, "ldr         w0,[x0,w1,uxtw]", ["read 4 x0+w1*1+0uxtw"]],
    [0xf8408420, "ldr         x0,[x1],#8", ["read 8 x1+*1+0"]],
    [0xf81f0ffe, "str         lr,[sp,#-0x10]!", ["write 8 sp+*1+-16"]],
    [0x58000040, "ldr         x0,00000001`40001008", ["read 8 +*1+5368713224"]],
    [0xc8ff7c22, "casa        xzr,x2,[x1]", ["readwrite 8 x1+*1+0"]],
    [0xf8200041, "ldadd       x0,x1,[x2]", ["readwrite 8 x2+*1+0"]],
    [0xc85f7c20, "ldxr        x0,[x1]", ["read 8 x1+*1+0"]],
    [0x88dffc20, "ldar        w0,[x1]", ["read 4 x1+*1+0"]],
    [0x3dc00020, "ldr         q0,[x1]", ["read 16 x1+*1+0"]],
    [0x4c407000, "ld1         {v0.16b},[x0]", ["read 16 x0+*1+0"]],
    [0x38401c20, "ldrb        w0,[x1,#1]!", ["read 1 x1+*1+1"]],
    [0xd50b7420, "dc          zva,x0", ["write 64 x0+*1+0"]],
    [0xf9800020, "prfm        pldl1keep,[x1]", []],
    [0xd65f03c0, "ret", []],
    [0xd503237f, "pacibsp", []],
  ])("%s is %s", async (value, text, operands) => {
    const found = (await load("arm64")).decode(word(value), 0x140001000n);
    expect(textOf(found)).toBe(text);
    expect(operandsOf(found)).toEqual(operands);
  });

  it.each([
    [0x94000010, { flow: "call", target: 0x140001040n }],
    [0x17ffffff, { flow: "jump", target: 0x140000ffcn }],
    [0xb5000040, { flow: "branch", target: 0x140001008n }],
    [0xd63f0100, { flow: "call", target: "x8" }],
    [0xd61f0220, { flow: "jump", target: "x17" }],
    [0xd65f03c0, { flow: "return", target: "lr" }],
    [0xd65f0bff, { flow: "return", target: "lr" }],
    [0xd43e0000, { flow: "trap" }],
  ])("%s goes on at %s", async (value, expected) => {
    expect((await load("arm64")).decode(word(value), 0x140001000n)).toMatchObject(expected);
  });

  it("needs four bytes, and says what is no instruction", async () => {
    const arm64 = await load("arm64");
    expect(arm64.decode(word(0xf9400420).subarray(0, 3), 0n)).toBe("cut");
    expect(arm64.decode(word(0xffffffff), 0n)).toBe("invalid");
  });
});

describe("random bytes", () => {
  it.each(["amd64", "x86", "arm64"] as const)("never break the disassembler of %s", async (cpu) => {
    const disassembler = await load(cpu);
    let seed = 1;
    const next = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed >>> 24;
    };
    for (let round = 0; round < 20_000; round++) {
      const code = Uint8Array.from({ length: 1 + (next() % 15) }, next);
      const found = disassembler.decode(code, 0xffff_ffff_ffff_fff0n);
      if (typeof found === "string") continue;
      expect(found.length).toBeLessThanOrEqual(15);
      for (const { size, scale } of found.memory) expect(size >= 0 && scale >= 1).toBe(true);
    }
  });
});

it("has none for other CPUs", async () => {
  expect(await loadDisassembler("mips")).toBeUndefined();
});
