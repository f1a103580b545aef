/* device_file.h: device text files. One `key = value` a line; what follows # is the line's source, and every number must
 * have one. Built-in devices are planner/hw/<name>.hw, embedded; users name their own file by path. */
#ifndef FCM_DEVICE_FILE_H
#define FCM_DEVICE_FILE_H
#include "device.h"
#include "diag.h"

/* name: a built-in device, "host" (this machine's CPU: cpu.hw with ISA, cores and caches as detected), or a path (has a '/'
 * or ends in .hw). NULL after errors: unknown name (with did-you-mean), unreadable file, unknown or missing key, a value out
 * of range, a number without a source. */
const Device *device_find(Arena *a, Diag *d, const char *name);

/* The built-in device for a GPU: by its product name ("NVIDIA H200"), else one of the same architecture (90); NULL if there is none. */
const char *device_of_gpu(const char *gpu, int arch);

/* Built-in names in alphabetical order, and their texts. */
int device_count(void);
const char *device_name(int i);
const char *device_text(int i);
#endif
