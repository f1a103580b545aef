/* host.c: see host.h. Linux sysfs for caches, the affinity mask for cores, the compiler's CPU probe for the ISA. */
#define _GNU_SOURCE
#include "host.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_line(const char *dir, const char *file, char *out, int size)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    FILE *f = fopen(path, "r");
    if (!f) return false;
    bool ok = fgets(out, size, f) != NULL;
    fclose(f);
    return ok;
}

/* "32K" → 32768; 0 if it is none */
static double cache_size(const char *text)
{
    char *end;
    double v = strtod(text, &end);
    return *end == 'K' ? v * 1024 : *end == 'M' ? v * 1048576 : v;
}

static void detect_caches(Device *dev)
{
    for (int i = 0; i < 8; i++) {
        char dir[96], level[16], type[32], size[32];
        snprintf(dir, sizeof dir, "/sys/devices/system/cpu/cpu0/cache/index%d", i);
        if (!read_line(dir, "level", level, sizeof level) || !read_line(dir, "type", type, sizeof type) ||
            !read_line(dir, "size", size, sizeof size))
            continue;
        double bytes = cache_size(size);
        if (bytes < 1024 || strncmp(type, "Instruction", 11) == 0) continue;
        if (level[0] == '1') dev->l1_bytes = bytes;
        if (level[0] == '2') dev->l2_bytes = bytes;
        if (level[0] == '3') dev->l3_bytes = bytes;
    }
}

static int detect_cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

static int detect_vector_bits(void)
{
#if (defined __x86_64__ || defined __i386__) && defined __GNUC__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) return 512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 256;
#endif
    return 0;
}

/* Do 512-bit operations run at full width (AMD from family 26 on, Intel), or as two halves (Zen 4)? */
static bool full_width_512(void)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f) return false;
    char line[256];
    int family = 0;
    bool intel = false, told = false;
    while (!told && fgets(line, sizeof line, f)) {
        intel |= strstr(line, "GenuineIntel") != NULL;
        told = sscanf(line, "cpu family : %d", &family) == 1;
    }
    fclose(f);
    return intel || family >= 26;
}

const Device *host_detect(Arena *a, const Device *base)
{
    Device *dev = arena_copy(a, base, sizeof *base);
    dev->title = "this machine's CPU";
    dev->arch = detect_vector_bits();
    if (dev->arch < 512 || !full_width_512()) dev->fma_rate = dev->arch >= 256 ? base->fma_rate / 2 : base->fma_rate / 8;
    int cores = detect_cores();
    if (cores > 0) dev->sms = cores;
    detect_caches(dev);
    return dev;
}
