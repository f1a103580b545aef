/* fc_fiber.h: switching between stacks, for fc_emu.cpp alone. x86-64 in 15 instructions; elsewhere ucontext, which is slower by a factor of 7. Under
 * AddressSanitizer every switch is announced, and a stack that is used again is cleaned of the redzones of frames that never returned. */
#ifndef FC_FIBER_H
#define FC_FIBER_H
#include <pthread.h>
#include <stdint.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace fc_emu {

#if defined(__x86_64__)
extern "C" void fc_emu_swap(void **save, void *load);
asm(".text\n.globl fc_emu_swap\n.type fc_emu_swap,@function\nfc_emu_swap:\n"
    "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
    "movq %rsp,(%rdi)\nmovq %rsi,%rsp\n"
    "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n"
    ".size fc_emu_swap,.-fc_emu_swap\n");

static void *fresh_stack(char *top, void (*entry)(), void *)
{
    void **sp = (void **)top;
    *--sp = nullptr;                /* a return address for entry: it never returns; and the stack is aligned as after a call */
    *--sp = (void *)entry;
    for (int i = 0; i < 6; i++) *--sp = nullptr;
    return sp;
}
#else
extern "C" void fc_emu_swap(void **save, void *load)
{
    ucontext_t here;
    *save = &here;
    swapcontext(&here, (ucontext_t *)load);
}

/* The context itself lies at the very top of the fiber's stack. */
static void *fresh_stack(char *top, void (*entry)(), void *bottom)
{
    ucontext_t *u = (ucontext_t *)(((uintptr_t)top - sizeof(ucontext_t)) & ~(uintptr_t)63);
    getcontext(u);
    u->uc_stack.ss_sp = bottom;
    u->uc_stack.ss_size = (size_t)((char *)u - (char *)bottom);
    u->uc_link = nullptr;
    makecontext(u, entry, 0);
    return u;
}
#endif

/* fake: where AddressSanitizer keeps the stack that is left; NULL when it will not be entered again. */
static void swap_stacks(void **save, void *load, const void *bottom, size_t bytes, bool last)
{
#if defined(__SANITIZE_ADDRESS__)
    void *fake = nullptr;
    __sanitizer_start_switch_fiber(last ? nullptr : &fake, bottom, bytes);
    fc_emu_swap(save, load);
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#else
    (void)bottom, (void)bytes, (void)last;
    fc_emu_swap(save, load);
#endif
}

static const void *main_bottom(size_t *bytes)
{
#if defined(__SANITIZE_ADDRESS__)
    pthread_attr_t a;
    void *bottom = nullptr;
    *bytes = 0;
    if (pthread_getattr_np(pthread_self(), &a) == 0) {
        pthread_attr_getstack(&a, &bottom, bytes);
        pthread_attr_destroy(&a);
    }
    return bottom;
#else
    *bytes = 0;
    return nullptr;
#endif
}

static void clean_stack(char *bottom, size_t bytes)
{
#if defined(__SANITIZE_ADDRESS__)
    ASAN_UNPOISON_MEMORY_REGION(bottom, bytes);
#else
    (void)bottom, (void)bytes;
#endif
}

}
#endif
