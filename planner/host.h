/* host.h: the CPU that fcmc runs on. */
#ifndef FCM_HOST_H
#define FCM_HOST_H
#include "device.h"

/* A copy of `base` with vector width, cores and cache sizes of this machine (what cannot be detected stays as in base). */
const Device *host_detect(Arena *a, const Device *base);
#endif
