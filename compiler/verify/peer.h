/* peer.h: the block as a chain of library calls, for bench. */
#ifndef FCM_PEER_H
#define FCM_PEER_H
#include "graph.h"
#include "text.h"

/* Appends to child.h the table that bench/onednn_chain.c reads: steps and buffers. False: the block holds something that the
 * chain has no step for; then the table is empty. */
bool peer_print(Arena *a, const Graph *g, Text *out);
#endif
