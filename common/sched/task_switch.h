/* task_switch - the two steps of changing stacks, per architecture; private
 * to task.c. */
#ifndef BODEGA_SCHED_TASK_SWITCH_H
#define BODEGA_SCHED_TASK_SWITCH_H

#include <stdint.h>

/* Store the current stack pointer in *save_sp and go on where the stack `sp`
 * was left; returns when somebody switches back. */
void task_switch(void **save_sp, void *sp);
/* A stack pointer whose first switch enters task_main on an empty stack that
 * grows down from stack_top. */
void *task_switch_prepare(char *stack_top);

void task_boot(void);
/* In task.c; never returns. */
_Noreturn void task_main(void);

#endif
