/* task_switch - leave one stack for another. Saves what the ABI says a call
 * must preserve and nothing else (System V AMD64 psABI 3.2.1; AAPCS64 6.1).
 * The floating-point control words are left alone: nobody here changes them.
 *
 * task_boot is where a new stack begins: its first task_switch "returns"
 * there. It calls task_main, which never returns, and ends the backtrace. */
#include "sched/task_switch.h"

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl task_switch\n"
        ".hidden task_switch\n"
        ".type task_switch, @function\n"
        "task_switch:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size task_switch, . - task_switch\n"
        ".globl task_boot\n"
        ".hidden task_boot\n"
        ".type task_boot, @function\n"
        "task_boot:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined rip\n"
        "    endbr64\n"
        "    call task_main\n"
        "    ud2\n"
        "    .cfi_endproc\n"
        ".size task_boot, . - task_boot\n");

#define SAVED_WORDS 6 /* r15 .. rbp; the return address follows */

void *task_switch_prepare(char *stack_top)
{
    uintptr_t *sp = (uintptr_t *)((uintptr_t)stack_top & ~(uintptr_t)15);

    *--sp = 0; /* keeps task_boot's own frame aligned to 16 */
    *--sp = 0;
    *--sp = (uintptr_t)task_boot;
    for (int i = 0; i < SAVED_WORDS; i++)
        *--sp = 0;
    return sp;
}

#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl task_switch\n"
        ".hidden task_switch\n"
        ".type task_switch, %function\n"
        "task_switch:\n"
        "    .cfi_startproc\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size task_switch, . - task_switch\n"
        ".globl task_boot\n"
        ".hidden task_boot\n"
        ".type task_boot, %function\n"
        "task_boot:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined x30\n"
        "    bl task_main\n"
        "    brk #1\n"
        "    .cfi_endproc\n"
        ".size task_boot, . - task_boot\n");

#define SAVED_WORDS 20 /* x19 .. x30, d8 .. d15 */
#define LINK_WORD   11 /* x30 */

void *task_switch_prepare(char *stack_top)
{
    uintptr_t *sp = (uintptr_t *)((uintptr_t)stack_top & ~(uintptr_t)15);

    sp -= SAVED_WORDS;
    for (int i = 0; i < SAVED_WORDS; i++)
        sp[i] = 0;
    sp[LINK_WORD] = (uintptr_t)task_boot;
    return sp;
}

#else
#error "task_switch knows x86_64 and aarch64"
#endif
