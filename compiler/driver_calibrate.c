/* driver_calibrate.c: measures this machine's CPU. */
#include "driver.h"

int driver_calibrate(Driver *d)
{
    diag_error(d->diag, NOWHERE, "FCM5008", "calibrate: not yet");
    return EXIT_ENVIRON;
}
