/* verify.h: the parts of verify. NULL, or the violation in words. */
#ifndef FCM_TM_VERIFY_H
#define FCM_TM_VERIFY_H
#include "tm.h"

/* Every product is complete: all channels are contracted, all taps taken, each once; a sum between its ZERO and its last addition. */
const char *verify_sums(Arena *a, const TmModule *m, const TmProgram *p);
/* Every tensor that the program stores is stored whole, each element once. */
const char *verify_stores(Arena *a, const TmModule *m, const TmProgram *p);
#endif
