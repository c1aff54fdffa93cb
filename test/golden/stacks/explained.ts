import type { Evidence } from "./evidence.ts";

/**
 * Every difference between our stacks and minidump-stackwalk's: frames by dump and by what the bytes say of them.
 * `node test/golden/stacks/table.ts --list` prints them one by one. A row changes only when somebody has looked at the frames.
 */
export const EXPLAINED: Readonly<Record<string, Partial<Record<Evidence, number>>>> = {
  "crashpad/page-gzip.dmp": { "frame-pointer-found": 4, "outermost-frame": 4 },
  "crashpad/page-nogzip.dmp": { "frame-pointer-found": 4, "outermost-frame": 4 },
  "mdmp/BugSplat-Git_node-minidump-stackwalk/myQtCrasher.dmp": { "start-of-function": 4 },
  "mdmp/KindTis_DumpAnalysisMCP/sample2/CppConsoleApplication.dmp": { "misaligned-slot": 6, "no-call-before": 34 },
  "mdmp/KindTis_DumpAnalysisMCP/sample3/CppConsoleApplication.dmp": { "misaligned-slot": 8, "no-call-before": 53 },
  "mdmp/aprilandjan_node-rs-minidump/mac-electron-gpu.dmp": { "above-bottom": 9 },
  "mdmp/electron_node-minidump/windows.dmp": {
    "above-at-return": 24,
    "misaligned-slot": 7,
    "at-return": 2,
    "chain-breaks": 1,
  },
  "mdmp/getsentry_rust-breakpad/rb_crash_macos.dmp": { "symbols-elsewhere": 7 },
  "mdmp/getsentry_symbolic/symbolic-linux-mini.dmp": { "no-call-before": 3, "start-of-function": 3 },
  "mdmp/getsentry_symbolic/symbolic-macos-mini.dmp": { "symbols-elsewhere": 1 },
  "mdmp/getsentry_symbolic/symbolic-windows-mini.dmp": { "at-return": 3 },
  "mdmp/google_breakpad/linux_divide_by_zero.dmp": {
    "frame-pointer-found": 1,
    "inside-frame": 2,
    "no-call-before": 2,
    "outermost-frame": 3,
  },
  "mdmp/google_breakpad/linux_executable_heap.dmp": {
    "frame-pointer-found": 1,
    "inside-frame": 2,
    "no-call-before": 2,
    "outermost-frame": 3,
  },
  "mdmp/google_breakpad/linux_executable_stack.dmp": {
    "frame-pointer-found": 1,
    "inside-frame": 2,
    "no-call-before": 2,
    "outermost-frame": 3,
  },
  "mdmp/google_breakpad/linux_jmp_to_0.dmp": { "frame-pointer-found": 1, "inside-frame": 3, "outermost-frame": 4 },
  "mdmp/google_breakpad/linux_null_dereference.dmp": {
    "frame-pointer-found": 1,
    "inside-frame": 2,
    "no-call-before": 2,
    "outermost-frame": 3,
  },
  "mdmp/google_breakpad/linux_outside_module.dmp": {
    "frame-pointer-found": 1,
    "inside-frame": 3,
    "outermost-frame": 4,
  },
  "mdmp/google_breakpad/linux_stacksmash.dmp": { "not-canonical": 1 },
  "mdmp/google_breakpad/linux_write_to_nonwritable_module.dmp": {
    "frame-pointer-found": 1,
    "inside-frame": 2,
    "no-call-before": 2,
    "outermost-frame": 3,
  },
  "mdmp/google_breakpad/linux_write_to_nonwritable_region_math.dmp": {
    "frame-pointer-found": 1,
    "inside-frame": 2,
    "no-call-before": 2,
    "outermost-frame": 3,
  },
  "mdmp/google_breakpad/linux_write_to_outside_module.dmp": {
    "frame-pointer-found": 1,
    "inside-frame": 2,
    "no-call-before": 2,
    "outermost-frame": 3,
  },
  "mdmp/google_breakpad/linux_write_to_outside_module_via_math.dmp": {
    "frame-pointer-found": 1,
    "inside-frame": 2,
    "no-call-before": 2,
    "outermost-frame": 3,
  },
  "mdmp/llvm/fizzbuzz_wow64.dmp": { "inside-frame": 3, "no-call-before": 10, "unwind-data-found": 6, "wow64-half": 10 },
  "mdmp/llvm/linux-x86_64.dmp": { "no-call-before": 1 },
  "mdmp/nya3jp_tast/abort.20180103.145440.12345.20827.dmp": {
    "above-bottom": 2,
    "frame-pointer-found": 1,
    "inside-frame": 4,
  },
  "mdmp/nya3jp_tast/chrome.20210406.155226.62533.9042.dmp": { "frame-pointer-found": 13, "inside-frame": 5 },
  "mdmp/rust-minidump_rust-minidump/linux-mini.dmp": { "no-call-before": 3, "start-of-function": 3 },
  "mdmp/zuohuiyang_crashdump-mcp-server/symbol-heavy.dmp": { "misaligned-slot": 1 },
};
