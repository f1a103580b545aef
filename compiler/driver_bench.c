/* driver_bench.c: times what verify has passed: same text, same flags. */
#include "driver.h"

int driver_bench(Driver *d)
{
    (void)d;
    return EXIT_BENCH;
}
