import type { CpuArch } from "../dump/address.ts";
import type { StackFrame, Unwound } from "./frame.ts";
import { codeBytes, type WalkScene } from "./walk-scene.ts";

/**
 * Signal frames of Linux and Android without unwind data: a handler returns to a trampoline that does nothing
 * but call `sigreturn`, and the interrupted registers lie above. The trampoline is known by its code or, where
 * the dump holds none, by its symbol. Layouts: struct ucontext and rt_sigframe of the kernel's
 * arch/*\/include/uapi/asm/sigcontext.h and arch/*\/kernel/signal*.c.
 */

/** A kind of trampoline, and where the interrupted registers lie. */
interface Trampoline {
  readonly cpu: CpuArch;
  /** The instructions, by form; null: any byte. */
  readonly code: readonly (readonly (number | null)[])[];
  /** Names in symbol files. */
  readonly name: RegExp;
  /** From the stack pointer at the trampoline to a pointer to the context; the context lies on the stack itself without one. */
  readonly pointerAt?: number;
  /** From there to the first register, in bytes. */
  readonly registersAt: number;
  /** Registers in their order there, one word each; empty names are skipped. */
  readonly registers: readonly string[];
}

const AMD64 = "r8 r9 r10 r11 r12 r13 r14 r15 rdi rsi rbp rbx rdx rax rcx rsp rip".split(" ");
const X86 = ["edi", "esi", "ebp", "esp", "ebx", "edx", "ecx", "eax", "", "", "eip"];
const ARM = [...Array.from({ length: 11 }, (_, index) => `r${index}`), "fp", "r12", "sp", "lr", "pc"];
const ARM64 = [...Array.from({ length: 29 }, (_, index) => `x${index}`), "fp", "lr", "sp", "pc"];

const TRAMPOLINES: readonly Trampoline[] = [
  {
    cpu: "amd64",
    // mov rax, 15; syscall. Older C libraries move 32 bits.
    code: [
      [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05],
      [0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05],
    ],
    name: /^(__restore_rt|__kernel_rt_sigreturn)$/,
    // uc_flags, uc_link, uc_stack.
    registersAt: 0x28,
    registers: AMD64,
  },
  {
    cpu: "x86",
    // mov eax, 173; int 80h.
    code: [[0xb8, 0xad, 0, 0, 0, 0xcd, 0x80]],
    name: /^(__restore_rt|__kernel_rt_sigreturn)$/,
    // Above the signal's number and a pointer to its siginfo.
    pointerAt: 8,
    // uc_flags, uc_link, uc_stack; GS, FS, ES, DS.
    registersAt: 20 + 16,
    registers: X86,
  },
  {
    cpu: "x86",
    // pop eax; mov eax, 119; int 80h.
    code: [[0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80]],
    name: /^(__restore|__kernel_sigreturn)$/,
    // The signal's number; GS, FS, ES, DS.
    registersAt: 4 + 16,
    registers: X86,
  },
  {
    cpu: "arm64",
    // mov x8, 139; svc 0.
    code: [[0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4]],
    name: /^(__restore_rt|__kernel_rt_sigreturn)$/,
    // siginfo; uc_flags, uc_link, uc_stack, uc_sigmask with its padding; fault_address.
    registersAt: 128 + 0xb0 + 8,
    registers: ARM64,
  },
  {
    cpu: "arm",
    // mov r7, 173; svc, whose operand older kernels set, in ARM and in Thumb code.
    code: [
      [0xad, 0x70, 0xa0, 0xe3, null, 0, null, 0xef],
      [0xad, 0x27, 0, 0xdf],
    ],
    name: /^(__restore_rt|__kernel_rt_sigreturn|__default_rt_sa_restorer(_v[12])?)$/,
    // siginfo; uc_flags, uc_link, uc_stack; trap_no, error_code, oldmask.
    registersAt: 128 + 20 + 12,
    registers: ARM,
  },
  {
    cpu: "arm",
    // mov r7, 119; svc.
    code: [
      [0x77, 0x70, 0xa0, 0xe3, null, 0, null, 0xef],
      [0x77, 0x27, 0, 0xdf],
    ],
    name: /^(__restore|__kernel_sigreturn|__default_sa_restorer(_v[12])?)$/,
    registersAt: 20 + 12,
    registers: ARM,
  },
];

const LONGEST = Math.max(...TRAMPOLINES.flatMap(({ code }) => code.map(({ length }) => length)));

/** Undoes a signal: the caller is what it interrupted, with all of its registers. */
export function bySignalFrame(scene: WalkScene, frame: StackFrame): Unwound {
  const trampoline = trampolineAt(scene, frame);
  if (!trampoline) return undefined;
  const { pointerAt, registersAt, registers } = trampoline;
  const context = pointerAt === undefined ? frame.sp : scene.stack.pointer(frame.sp + BigInt(pointerAt));
  if (context === undefined) return undefined;
  const found: Record<string, bigint> = {};
  for (const [index, name] of registers.entries()) {
    const value = scene.stack.pointer(context + BigInt(registersAt + index * scene.pointerSize));
    if (value === undefined) return undefined;
    if (name !== "") found[name] = value;
  }
  const ip = found["rip"] ?? found["eip"] ?? found["pc"];
  const sp = found["rsp"] ?? found["esp"] ?? found["sp"];
  return ip === undefined || sp === undefined
    ? undefined
    : { trust: "cfi", ip, sp, registers: found, interrupted: true };
}

function trampolineAt(scene: WalkScene, frame: StackFrame): Trampoline | undefined {
  const own = TRAMPOLINES.filter(({ cpu }) => cpu === scene.cpu);
  if (own.length === 0) return undefined;
  const bytes = codeBytes(scene, frame.ip, LONGEST);
  const known = own.find(({ code }) => code.some((form) => isForm(form, bytes)));
  if (known) return known;
  const module = scene.modules.find(frame.ip);
  const rva = module && Number(frame.ip - module.base);
  const hit = rva === undefined ? undefined : module?.symbols?.lookup(rva);
  return hit?.rva === rva ? own.find(({ name }) => name.test(hit?.name ?? "")) : undefined;
}

function isForm(form: readonly (number | null)[], bytes: Uint8Array): boolean {
  return form.length <= bytes.length && form.every((byte, at) => byte === null || bytes[at] === byte);
}
