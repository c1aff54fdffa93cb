// Prologues and epilogues as compilers seldom or never make them. Every function takes a pointer in RCX: null: it
// touches nothing and returns (what step modes run through), else it calls asm_fault with it.
  .text
  .intel_syntax noprefix
  .globl asm_begin
asm_begin:
  nop

  .macro function name
  .globl \name
  .def \name; .scl 2; .type 32; .endef
  .p2align 4
\name:
  .seh_proc \name
  .endm
  .macro body
  test rcx, rcx
  jz 1f
  call asm_fault
  nop
1:
  .endm

// Pushes in an order of their own, RBP last.
  function asm_pushes
  push r15
  .seh_pushreg r15
  push rbx
  .seh_pushreg rbx
  push rdi
  .seh_pushreg rdi
  push r12
  .seh_pushreg r12
  push rsi
  .seh_pushreg rsi
  push rbp
  .seh_pushreg rbp
  sub rsp, 0x28
  .seh_stackalloc 0x28
  .seh_endprologue
  mov rbx, 0x1111
  mov rbp, 0x2222
  body
  add rsp, 0x28
  pop rbp
  pop rsi
  pop r12
  pop rdi
  pop rbx
  pop r15
  ret
  .seh_endproc

// Registers saved by MOV behind the allocation.
  function asm_saves
  sub rsp, 0x58
  .seh_stackalloc 0x58
  mov [rsp+0x30], rbx
  .seh_savereg rbx, 0x30
  mov [rsp+0x38], rsi
  .seh_savereg rsi, 0x38
  mov [rsp+0x48], r14
  .seh_savereg r14, 0x48
  .seh_endprologue
  mov rbx, 0x1111
  mov r14, 0x2222
  body
  mov r14, [rsp+0x48]
  mov rsi, [rsp+0x38]
  mov rbx, [rsp+0x30]
  add rsp, 0x58
  ret
  .seh_endproc

// Frame register in the middle of the frame.
  function asm_lea
  push rbp
  .seh_pushreg rbp
  push rsi
  .seh_pushreg rsi
  sub rsp, 0x108
  .seh_stackalloc 0x108
  lea rbp, [rsp+0x80]
  .seh_setframe rbp, 0x80
  mov [rbp+0x40], rbx
  .seh_savereg rbx, 0xc0
  .seh_endprologue
  mov rbx, 0x1111
  body
  mov rbx, [rbp+0x40]
  lea rsp, [rbp+0x88]
  pop rsi
  pop rbp
  ret
  .seh_endproc

// R12 as frame register: its LEA needs a SIB byte.
  function asm_r12
  push r12
  .seh_pushreg r12
  sub rsp, 0x40
  .seh_stackalloc 0x40
  lea r12, [rsp+0x20]
  .seh_setframe r12, 0x20
  .seh_endprologue
  sub rsp, 0x100
  body
  lea rsp, [r12+0x20]
  pop r12
  ret
  .seh_endproc

// R13 as frame register, without an offset.
  function asm_r13
  push r13
  .seh_pushreg r13
  push rdi
  .seh_pushreg rdi
  sub rsp, 0x38
  .seh_stackalloc 0x38
  mov r13, rsp
  .seh_setframe r13, 0
  .seh_endprologue
  sub rsp, 0x200
  body
  lea rsp, [r13+0x38]
  pop rdi
  pop r13
  ret
  .seh_endproc

// Memory taken behind the prologue: only the frame register tells where the frame is.
  function asm_alloca
  push rbp
  .seh_pushreg rbp
  push rbx
  .seh_pushreg rbx
  sub rsp, 0x28
  .seh_stackalloc 0x28
  lea rbp, [rsp+0x20]
  .seh_setframe rbp, 0x20
  .seh_endprologue
  mov eax, 0x750
  sub rsp, rax
  sub rsp, 0x30
  body
  lea rsp, [rbp+0x08]
  pop rbx
  pop rbp
  ret
  .seh_endproc

// More than a page: the probe is a part of the prologue.
  function asm_big
  push rdi
  .seh_pushreg rdi
  mov eax, 0x12340
  call ___chkstk_ms
  sub rsp, rax
  .seh_stackalloc 0x12340
  .seh_endprologue
  body
  add rsp, 0x12340
  pop rdi
  ret
  .seh_endproc

// Above 512 KiB: three slots of unwind data.
  function asm_huge
  push rbx
  .seh_pushreg rbx
  mov eax, 0x90000
  call ___chkstk_ms
  sub rsp, rax
  .seh_stackalloc 0x90000
  .seh_endprologue
  body
  add rsp, 0x90000
  pop rbx
  ret
  .seh_endproc

// LEAVE is in no epilogue that Microsoft allows.
  function asm_leave
  push rbp
  .seh_pushreg rbp
  mov rbp, rsp
  .seh_setframe rbp, 0
  sub rsp, 0x20
  .seh_stackalloc 0x20
  .seh_endprologue
  body
  leave
  ret
  .seh_endproc

// Tail calls: direct, through memory, through a register.
  function asm_tail
  push rbx
  .seh_pushreg rbx
  sub rsp, 0x20
  .seh_stackalloc 0x20
  .seh_endprologue
  mov rbx, rcx
  mov rcx, rbx
  add rsp, 0x20
  pop rbx
  jmp asm_tail_target
  .seh_endproc

  function asm_tail_memory
  push rbx
  .seh_pushreg rbx
  sub rsp, 0x20
  .seh_stackalloc 0x20
  .seh_endprologue
  add rsp, 0x20
  pop rbx
  jmp qword ptr [rip+tail_pointer]
  .seh_endproc

  function asm_tail_register
  push rdi
  .seh_pushreg rdi
  sub rsp, 0x20
  .seh_stackalloc 0x20
  .seh_endprologue
  lea rax, [rip+asm_tail_target]
  add rsp, 0x20
  pop rdi
  .byte 0x48, 0xff, 0xe0 // jmp rax with REX.W
  .seh_endproc

  function asm_tail_target
  sub rsp, 0x28
  .seh_stackalloc 0x28
  .seh_endprologue
  body
  add rsp, 0x28
  ret
  .seh_endproc

  function asm_rep_ret
  push rsi
  .seh_pushreg rsi
  sub rsp, 0x20
  .seh_stackalloc 0x20
  .seh_endprologue
  body
  add rsp, 0x20
  pop rsi
  rep ret
  .seh_endproc

  function asm_ret_n
  push rsi
  .seh_pushreg rsi
  sub rsp, 0x20
  .seh_stackalloc 0x20
  .seh_endprologue
  body
  add rsp, 0x20
  pop rsi
  ret 0
  .seh_endproc

// Vector registers in the frame, near and far.
  function asm_xmm
  push rbx
  .seh_pushreg rbx
  sub rsp, 0x60
  .seh_stackalloc 0x60
  movaps [rsp+0x20], xmm6
  .seh_savexmm xmm6, 0x20
  movaps [rsp+0x30], xmm12
  .seh_savexmm xmm12, 0x30
  .seh_endprologue
  body
  movaps xmm12, [rsp+0x30]
  movaps xmm6, [rsp+0x20]
  add rsp, 0x60
  pop rbx
  ret
  .seh_endproc

// A second part of the function with unwind data of its own that lead back to the first.
  function asm_chained
  push rbx
  .seh_pushreg rbx
  sub rsp, 0x40
  .seh_stackalloc 0x40
  .seh_endprologue
  test rcx, rcx
  .seh_startchained
  mov [rsp+0x20], rsi
  .seh_savereg rsi, 0x20
  mov [rsp+0x28], r15
  .seh_savereg r15, 0x28
  .seh_endprologue
  mov rsi, 0x1111
  mov r15, 0x2222
  body
  mov r15, [rsp+0x28]
  mov rsi, [rsp+0x20]
  add rsp, 0x40
  pop rbx
  ret
  .seh_endchained
  .seh_endproc

// What a CPU pushes when it interrupts code: SS, RSP, RFLAGS, CS, RIP.
  function asm_machine_frame
  mov rax, rsp
  push rbp
  .seh_pushreg rbp
  sub rsp, 0x20
  .seh_stackalloc 0x20
  .seh_endprologue
  lea rbp, [rsp+0x20]
  lea rdx, [rip+asm_interrupted]
  mov eax, ss
  push rax
  lea rax, [rsp+8]
  push rax
  pushfq
  mov eax, cs
  push rax
  push rdx
  jmp asm_interrupt
  .seh_endproc
  function asm_machine_frame_code
  push rbp
  .seh_pushreg rbp
  sub rsp, 0x20
  .seh_stackalloc 0x20
  .seh_endprologue
  lea rdx, [rip+asm_interrupted]
  mov eax, ss
  push rax
  lea rax, [rsp+8]
  push rax
  pushfq
  mov eax, cs
  push rax
  push rdx
  push 0x0e
  jmp asm_interrupt_code
  .seh_endproc
  function asm_interrupt
  .seh_pushframe
  sub rsp, 0x30
  .seh_stackalloc 0x30
  .seh_endprologue
  body
  add rsp, 0x30
  iretq
  .seh_endproc
  function asm_interrupt_code
  .seh_pushframe @code
  sub rsp, 0x28
  .seh_stackalloc 0x28
  .seh_endprologue
  body
  add rsp, 0x30
  iretq
  .seh_endproc
// Where the interrupted code stands: its frame is that of the functions above.
  function asm_interrupted_frame
  push rbp
  .seh_pushreg rbp
  sub rsp, 0x20
  .seh_stackalloc 0x20
  .seh_endprologue
asm_interrupted:
  nop
  add rsp, 0x20
  pop rbp
  ret
  .seh_endproc

// No unwind data: a leaf.
  .globl asm_leaf
  .p2align 4
asm_leaf:
  test rcx, rcx
  jz 1f
  mov dword ptr [rcx], 1
1:
  ret

// No unwind data although it moves the stack pointer: nothing can tell.
  .globl asm_liar
  .p2align 4
asm_liar:
  sub rsp, 0x28
  body
  add rsp, 0x28
  ret

// The call is the last instruction: its return address lies in the next function.
  function asm_noreturn
  sub rsp, 0x28
  .seh_stackalloc 0x28
  .seh_endprologue
  test rcx, rcx
  jnz 2f
  add rsp, 0x28
  ret
2:
  call asm_never
  .seh_endproc
// Follows at once, with another frame: taken for the caller by who asks for the return address itself.
  .globl asm_follower
asm_follower:
  .seh_proc asm_follower
  push rbx
  .seh_pushreg rbx
  sub rsp, 0x400
  .seh_stackalloc 0x400
  .seh_endprologue
  add rsp, 0x400
  pop rbx
  ret
  .seh_endproc

// A tail call to nowhere.
  function asm_jump_null
  sub rsp, 0x28
  .seh_stackalloc 0x28
  .seh_endprologue
  test rcx, rcx
  jz 1f
  xor eax, eax
  add rsp, 0x28
  .byte 0x48, 0xff, 0xe0 // jmp rax with REX.W
1:
  add rsp, 0x28
  ret
  .seh_endproc

// An epilogue in the middle and one at the end.
  function asm_two_epilogs
  push rbx
  .seh_pushreg rbx
  push rsi
  .seh_pushreg rsi
  sub rsp, 0x28
  .seh_stackalloc 0x28
  .seh_endprologue
  test rcx, rcx
  jnz 2f
  add rsp, 0x28
  pop rsi
  pop rbx
  ret
2:
  call asm_fault
  nop
  add rsp, 0x28
  pop rsi
  pop rbx
  ret
  .seh_endproc

// Nothing allocated: pops alone are the epilogue.
  function asm_pop_only
  push rbx
  .seh_pushreg rbx
  push rsi
  .seh_pushreg rsi
  push rdi
  .seh_pushreg rdi
  .seh_endprologue
  test rcx, rcx
  jz 1f
  mov dword ptr [rcx], 1
1:
  pop rdi
  pop rsi
  pop rbx
  ret
  .seh_endproc

// Unwind data with nothing in them: the stack is as the call left it.
  function asm_bare
  .seh_endprologue
  test rcx, rcx
  jz 1f
  mov dword ptr [rcx], 1
1:
  ret
  .seh_endproc

// RBP holds a number, as compilers of Windows may have it.
  function asm_rbp_free
  push rbp
  .seh_pushreg rbp
  push r13
  .seh_pushreg r13
  sub rsp, 0x38
  .seh_stackalloc 0x38
  .seh_endprologue
  mov rbp, 0x7
  lea r13, [rsp+0x1000]
  body
  add rsp, 0x38
  pop r13
  pop rbp
  ret
  .seh_endproc

// Calls RDX(R8) on the stack that ends at RCX; RBP leads back.
  function asm_switch_stack
  push rbp
  .seh_pushreg rbp
  mov rbp, rsp
  .seh_setframe rbp, 0
  .seh_endprologue
  lea rsp, [rcx-0x20]
  mov rcx, r8
  call rdx
  mov rsp, rbp
  pop rbp
  ret
  .seh_endproc

// Returns to RCX instead of to its caller.
  .globl asm_smash
  .p2align 4
asm_smash:
  mov [rsp], rcx
  ret

// A handler of its own that faults while the first fault is being handled.
  function asm_handled
  .seh_handler asm_handler, @except
  sub rsp, 0x28
  .seh_stackalloc 0x28
  .seh_endprologue
  call asm_fault
  nop
  add rsp, 0x28
  ret
  .seh_endproc
  .globl asm_end
asm_end:
  nop
  .section .rdata, "dr"
  .p2align 3
tail_pointer:
  .quad asm_tail_target
