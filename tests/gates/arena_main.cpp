// arena_main.cpp: one call of a generated run on the host. Every launch is cut down to its first block and reported: kernel, what the note under the
// kernel says, what the launch asks for, and where the emulator's guard zone really begins (found by writing there). For arena.sh:
//     -include <block>.h -DRUN=<block>_run, linked with --wrap=fc_emu_note --wrap=fc_emu_launch
#include "fc_emu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

enum { NOTES = 64 };
struct note { const char *kernel; int smem; } notes[NOTES];
int nnotes;

// The value of every argument: pointers get a region of their own, large enough for one image of any tensor of the examples.
template <class T> struct argument;
template <> struct argument<const void *> {
    static const void *make()
    {
        enum : size_t { REGION = 64 << 20 };
        return memset(aligned_alloc(4096, REGION), 0, REGION);
    }
};
template <> struct argument<void *> { static void *make() { return const_cast<void *>(argument<const void *>::make()); } };
template <> struct argument<CUstream_st *> { static CUstream_st *make() { return nullptr; } };
template <class... A> int call(int (*run)(int, A...)) { return run(1, argument<A>::make()...); }

struct probe { size_t at; };
void write_byte(void *p)
{
    if (fc_emu_thread() == 0) fc_emu_shared()[static_cast<probe *>(p)->at] = 1;
}

}

extern "C" {
int __real_fc_emu_launch(const char *kernel, int64_t blocks, int threads, size_t smem, void (*body)(void *), void *closure, size_t closure_bytes);
int __real_fc_emu_note(const char *kernel, int arch, int threads, int ctas, int smem, const char *source);
int __wrap_fc_emu_note(const char *kernel, int arch, int threads, int ctas, int smem, const char *source);
int __wrap_fc_emu_launch(const char *kernel, int64_t blocks, int threads, size_t smem, void (*body)(void *), void *closure, size_t closure_bytes);

int __wrap_fc_emu_note(const char *kernel, int arch, int threads, int ctas, int smem, const char *source)
{
    if (nnotes < NOTES) notes[nnotes++] = { kernel, smem };
    return __real_fc_emu_note(kernel, arch, threads, ctas, smem, source);
}

int __wrap_fc_emu_launch(const char *kernel, int64_t blocks, int threads, size_t smem, void (*body)(void *), void *closure, size_t closure_bytes)
{
    int noted = -1, status = __real_fc_emu_launch(kernel, blocks < 1 ? blocks : 1, threads, smem, body, closure, closure_bytes);
    for (int i = 0; i < nnotes; i++)
        if (strcmp(notes[i].kernel, kernel) == 0) noted = notes[i].smem;
    if (status) fprintf(stderr, "%s: %s\n", kernel, fc_emu_message());
    // The last byte of the arena may be written, the one behind it may not.
    probe last = { smem - 1 }, behind = { smem };
    int inside = smem ? __real_fc_emu_launch("probe", 1, 32, smem, write_byte, &last, sizeof last) : 0;
    fc_emu_reset();
    int outside = __real_fc_emu_launch("probe", 1, 32, smem, write_byte, &behind, sizeof behind);
    fc_emu_reset();
    printf("%s note %d launch %zu guard %s\n", kernel, noted, smem, inside == 0 && outside != 0 ? "there" : "elsewhere");
    return status;
}
}

int main()
{
    int status = call(RUN);
    if (status) fprintf(stderr, "run answered %d\n", status);
    return status != 0;
}
