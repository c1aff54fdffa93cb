// Ways to crash that strain a walker of x64 stacks: modes MODE OUT [TYPEHEX]. Own program of this project; the
// hand-written functions are in frames.S. A step mode (step_*) writes one dump for each instruction of its function.
#include <windows.h>
#include <dbghelp.h>
#include <coroutine>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>

#define NOINLINE __attribute__((noinline))

extern "C" {
// frames.S
void asm_pushes(void *), asm_saves(void *), asm_lea(void *), asm_r12(void *), asm_r13(void *), asm_alloca(void *), asm_big(void *),
    asm_huge(void *), asm_leave(void *), asm_tail(void *), asm_tail_memory(void *), asm_tail_register(void *), asm_rep_ret(void *),
    asm_ret_n(void *), asm_xmm(void *), asm_chained(void *), asm_machine_frame(void *), asm_machine_frame_code(void *), asm_leaf(void *),
    asm_liar(void *), asm_noreturn(void *), asm_jump_null(void *), asm_two_epilogs(void *), asm_pop_only(void *), asm_bare(void *),
    asm_rbp_free(void *);
void asm_smash(uintptr_t value);
void asm_switch_stack(void *top, void (*body)(void *), void *argument);
extern char asm_begin, asm_end;
}

static char g_out[MAX_PATH];
static DWORD g_type;
static bool g_stepping;
static int g_steps;
static void *const NOWHERE = (void *)0x18;

struct Job {
  EXCEPTION_POINTERS *pointers;
  DWORD thread;
  const char *file;
};

static DWORD WINAPI write_dump(void *argument) {
  Job *job = (Job *)argument;
  HANDLE file = CreateFileA(job->file, GENERIC_WRITE, 0, 0, CREATE_ALWAYS, 0, 0);
  MINIDUMP_EXCEPTION_INFORMATION information{job->thread, job->pointers, FALSE};
  MiniDumpWriteDump(GetCurrentProcess(), GetCurrentProcessId(), file, (MINIDUMP_TYPE)g_type, &information, 0, 0);
  CloseHandle(file);
  return 0;
}

static void dump(EXCEPTION_POINTERS *pointers, const char *file) {
  Job job{pointers, GetCurrentThreadId(), file};
  HANDLE thread = CreateThread(0, 1 << 20, write_dump, &job, 0, 0);
  WaitForSingleObject(thread, 60000);
  CloseHandle(thread);
}

static LONG WINAPI on_crash(EXCEPTION_POINTERS *pointers) {
  dump(pointers, g_out);
  TerminateProcess(GetCurrentProcess(), 0);
  return EXCEPTION_EXECUTE_HANDLER;
}

// One dump for each instruction of frames.S that the thread passes while it steps.
static LONG CALLBACK on_step(EXCEPTION_POINTERS *pointers) {
  if (pointers->ExceptionRecord->ExceptionCode != EXCEPTION_SINGLE_STEP) return EXCEPTION_CONTINUE_SEARCH;
  if (!g_stepping) return EXCEPTION_CONTINUE_EXECUTION;
  char *ip = (char *)pointers->ContextRecord->Rip;
  if (ip >= &asm_begin && ip < &asm_end && g_steps < 64) {
    char file[MAX_PATH];
    snprintf(file, sizeof file, "%.*s_%02d.dmp", (int)strlen(g_out) - 4, g_out, g_steps++);
    dump(pointers, file);
  }
  pointers->ContextRecord->EFlags |= 0x100;
  return EXCEPTION_CONTINUE_EXECUTION;
}

static NOINLINE void fault(void *argument) { *(volatile int *)argument = 1; }
static NOINLINE void nothing(void *) { asm volatile(""); }
extern "C" void asm_fault(void *argument) { fault(argument); asm volatile(""); }
extern "C" void asm_nothing(void *argument) { nothing(argument); asm volatile(""); }
extern "C" [[noreturn]] NOINLINE void asm_never(void *argument) { fault(argument); ExitProcess(7); }

typedef void (*Frame)(void *);
struct Named { const char *name; Frame frame; };
static const Named FRAMES[] = {
    {"pushes", asm_pushes}, {"saves", asm_saves}, {"lea", asm_lea}, {"r12", asm_r12}, {"r13", asm_r13}, {"alloca", asm_alloca},
    {"big", asm_big}, {"huge", asm_huge}, {"leave", asm_leave}, {"tail", asm_tail}, {"tail_memory", asm_tail_memory},
    {"tail_register", asm_tail_register}, {"rep_ret", asm_rep_ret}, {"ret_n", asm_ret_n}, {"xmm", asm_xmm}, {"chained", asm_chained},
    {"machine_frame", asm_machine_frame}, {"machine_frame_code", asm_machine_frame_code}, {"leaf", asm_leaf}, {"liar", asm_liar},
    {"noreturn", asm_noreturn}, {"jump_null", asm_jump_null}, {"two_epilogs", asm_two_epilogs}, {"pop_only", asm_pop_only},
    {"bare", asm_bare}, {"rbp_free", asm_rbp_free}};

static NOINLINE int level1(Frame frame, void *argument) { volatile int keep = 1; frame(argument); return keep; }
static NOINLINE int level2(Frame frame, void *argument) { volatile int keep = 2; return level1(frame, argument) + keep; }
static NOINLINE int level3(Frame frame, void *argument) { volatile int keep = 3; return level2(frame, argument) + keep; }

static NOINLINE void step(Frame frame) {
  AddVectoredExceptionHandler(1, on_step);
  g_stepping = true;
  asm volatile("pushfq\n orq $0x100, (%%rsp)\n popfq" ::: "memory", "cc");
  level3(frame, 0);
  g_stepping = false;
  asm volatile("nop");
}

// --- C++
struct Task {
  struct promise_type {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};
static NOINLINE Task inner(void *argument) { co_await std::suspend_always{}; fault(argument); co_return; }
struct Await {
  std::coroutine_handle<> other;
  bool await_ready() { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<>) { return other; }  // symmetric transfer
  void await_resume() {}
};
static NOINLINE Task outer(std::coroutine_handle<> other) { co_await Await{other}; co_return; }
static NOINLINE void coroutine(bool transfer) {
  Task task = inner(NOWHERE);
  task.handle.resume();
  if (transfer) outer(task.handle).handle.resume();
  else task.handle.resume();
}

struct Guard { void *argument; ~Guard() { fault(argument); } };
static NOINLINE void thrower() { throw std::runtime_error("x"); }
static NOINLINE void in_catch() { try { thrower(); } catch (const std::exception &) { fault(NOWHERE); } }
static NOINLINE void in_cleanup_2() { Guard guard{NOWHERE}; thrower(); }
static NOINLINE void in_cleanup() { try { in_cleanup_2(); } catch (...) { puts("caught"); } }
static NOINLINE void rethrow_2() { try { thrower(); } catch (...) { throw; } }
static NOINLINE void in_rethrow() { try { rethrow_2(); } catch (...) { fault(NOWHERE); } }
static NOINLINE void in_noexcept() noexcept { thrower(); }
static void on_terminate() { fault(NOWHERE); }

static int compare(const void *a, const void *b) { fault(NOWHERE); return *(int *)a - *(int *)b; }
static int compare_deep(const void *a, const void *b) {
  static int depth;
  int values[] = {2, 1};
  if (++depth < 6) qsort(values, 2, sizeof *values, compare_deep);
  else fault(NOWHERE);
  return *(int *)a - *(int *)b;
}
static BOOL CALLBACK locale(char *) { fault(NOWHERE); return TRUE; }
static void CALLBACK apc(ULONG_PTR) { fault(NOWHERE); }
static void CALLBACK pool(PTP_CALLBACK_INSTANCE, void *, PTP_WORK) { fault(NOWHERE); }
static void CALLBACK timer(void *, BOOLEAN) { fault(NOWHERE); }
static BOOL CALLBACK once(PINIT_ONCE, void *, void **) { fault(NOWHERE); return TRUE; }
static LONG CALLBACK vectored(EXCEPTION_POINTERS *pointers) {
  static bool again;
  if (again) return EXCEPTION_CONTINUE_SEARCH;
  again = true;
  fault(pointers);
  fault((void *)0x28);
  return EXCEPTION_CONTINUE_SEARCH;
}
static EXCEPTION_DISPOSITION handler(EXCEPTION_RECORD *, void *, CONTEXT *, void *) { fault(NOWHERE); return ExceptionContinueSearch; }
extern "C" EXCEPTION_DISPOSITION asm_handler(EXCEPTION_RECORD *record, void *frame, CONTEXT *context, void *dispatcher) {
  static bool again;
  if (again) return ExceptionContinueSearch;
  again = true;
  return handler(record, frame, context, dispatcher);
}
extern "C" void asm_handled(void *);

static void *g_main_fiber;
static void CALLBACK fiber_body(void *argument) { level3(fault, argument); SwitchToFiber(g_main_fiber); }
static void CALLBACK fiber_outer(void *argument) { SwitchToFiber(CreateFiber(0, fiber_body, argument)); }
static void in_fiber(bool nested) {
  g_main_fiber = ConvertThreadToFiber(0);
  SwitchToFiber(CreateFiber(0x20000, nested ? fiber_outer : fiber_body, NOWHERE));
}

// Machine code made at run time: sub rsp, 0x28; mov rax, fault; call rax; add rsp, 0x28; ret.
static NOINLINE void generated(bool with_table, bool inside) {
  unsigned char *code = (unsigned char *)VirtualAlloc(0, 4096, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
  unsigned char *at = code;
  *at++ = 0x48; *at++ = 0x83; *at++ = 0xec; *at++ = 0x28;
  if (inside) { *at++ = 0xc7; *at++ = 0x01; memset(at, 0, 4); at += 4; }
  *at++ = 0x48; *at++ = 0xb8; void *target = (void *)fault; memcpy(at, &target, 8); at += 8;
  *at++ = 0xff; *at++ = 0xd0; *at++ = 0x48; *at++ = 0x83; *at++ = 0xc4; *at++ = 0x28; *at++ = 0xc3;
  if (with_table) {
    unsigned char unwind[] = {1, 4, 1, 0, 4, 0x42, 0, 0};
    memcpy(code + 0x200, unwind, sizeof unwind);
    RUNTIME_FUNCTION *table = (RUNTIME_FUNCTION *)(code + 0x100);
    table->BeginAddress = 0; table->EndAddress = (DWORD)(at - code); table->UnwindData = 0x200;
    RtlAddFunctionTable(table, 1, (DWORD64)code);
  }
  level2((Frame)code, NOWHERE);
}

static NOINLINE int fallthrough_a(int n, void *p);
static NOINLINE int fallthrough_b(int n, void *p) { if (n == 0) fault(p); __attribute__((musttail)) return fallthrough_a(n - 1, p); }
static NOINLINE int fallthrough_a(int n, void *p) { if (n == 0) fault(p); __attribute__((musttail)) return fallthrough_b(n - 1, p); }
static NOINLINE int variable(size_t bytes, void *argument) {
  volatile char *memory = (volatile char *)__builtin_alloca(bytes);
  memory[0] = 1;
  fault(argument);
  return memory[bytes - 1];
}
static NOINLINE double vector_frame(double a, double b, void *argument) {
  alignas(64) volatile double values[16];
  for (int i = 0; i < 16; i++) values[i] = a * i + b;
  fault(argument);
  return values[3] + a * b;
}
static DWORD WINAPI waiter(void *event) { WaitForSingleObject((HANDLE)event, INFINITE); return 0; }
static DWORD WINAPI fiber_waiter(void *event) {
  ConvertThreadToFiber(0);
  SwitchToFiber(CreateFiber(0, [](void *e) { WaitForSingleObject((HANDLE)e, INFINITE); }, event));
  return 0;
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  std::string mode = arguments[1];
  GetFullPathNameA(arguments[2], MAX_PATH, g_out, 0);
  if (count > 3) g_type = strtoul(arguments[3], 0, 16);
  SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
  SetUnhandledExceptionFilter(on_crash);
  for (const Named &one : FRAMES) {
    if (mode == std::string("asm_") + one.name) level3(one.frame, NOWHERE);
    if (mode == std::string("step_") + one.name) { step(one.frame); return 0; }
  }
  if (mode == "fiber") in_fiber(false);
  if (mode == "fiber_nested") in_fiber(true);
  if (mode == "fiber_threads") {
    HANDLE event = CreateEventA(0, 1, 0, 0);
    CreateThread(0, 0, waiter, event, 0, 0);
    CreateThread(0, 0, fiber_waiter, event, 0, 0);
    Sleep(300);
    level3(fault, NOWHERE);
  }
  if (mode == "coroutine") coroutine(false);
  if (mode == "coroutine_transfer") coroutine(true);
  if (mode == "catch") in_catch();
  if (mode == "cleanup") in_cleanup();
  if (mode == "rethrow") in_rethrow();
  if (mode == "terminate") { std::set_terminate(on_terminate); in_noexcept(); }
  if (mode == "handler") asm_handled(NOWHERE);
  if (mode == "qsort_deep") { int values[] = {3, 2, 1}; qsort(values, 3, sizeof *values, compare_deep); }
  if (mode == "bsearch") { int key = 2, values[] = {1, 2, 3}; bsearch(&key, values, 3, sizeof *values, compare); }
  if (mode == "enum") EnumSystemLocalesA(locale, LCID_INSTALLED);
  if (mode == "apc") { QueueUserAPC(apc, GetCurrentThread(), 0); SleepEx(10, TRUE); }
  if (mode == "pool") { SubmitThreadpoolWork(CreateThreadpoolWork(pool, 0, 0)); Sleep(5000); }
  if (mode == "timer") { HANDLE t; CreateTimerQueueTimer(&t, 0, timer, 0, 1, 0, 0); Sleep(5000); }
  if (mode == "once") { static INIT_ONCE o; InitOnceExecuteOnce(&o, once, 0, 0); }
  if (mode == "vectored") { AddVectoredExceptionHandler(1, vectored); level3(fault, (void *)0x20); }
  if (mode == "jit") generated(false, false);
  if (mode == "jit_table") generated(true, false);
  if (mode == "jit_inside") { level2([](void *) { generated(true, true); }, 0); }
  if (mode == "rop_wild") asm_smash(0x4141414141414141);
  if (mode == "rop_null") asm_smash(0);
  if (mode == "rop_heap") asm_smash((uintptr_t)malloc(64));
  if (mode == "rop_middle") asm_smash((uintptr_t)fault + 3);
  if (mode == "must_tail") fallthrough_a(5, NOWHERE);
  if (mode == "variable") variable(count * 3000, NOWHERE);
  if (mode == "vector") vector_frame(count, 2, NOWHERE);
  // Without the bounds in the TEB no exception is dispatched on such a stack.
  if (mode == "switched" || mode == "switched_back") {
    char *memory = (char *)VirtualAlloc(0, 0x10000, MEM_COMMIT, PAGE_READWRITE);
    NT_TIB *tib = (NT_TIB *)NtCurrentTeb();
    tib->StackBase = memory + 0x10000;
    tib->StackLimit = memory;
    asm_switch_stack(memory + 0x10000, fault, NOWHERE);
  }
  puts("no crash");
  return 3;
}
