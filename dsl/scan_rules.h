/* scan_rules.h: what the rules of fcm.l call (scan.c). The scanner's position is kept here, in bytes of the source. */
#ifndef FCM_SCAN_RULES_H
#define FCM_SCAN_RULES_H
#include "scan.h"

struct Scan;
void scan_run(struct Scan *s, const char *text, int len);       /* fcm.l: scans until the end or until no more is wanted */
bool scan_wanted(const struct Scan *s);

void scan_advance(struct Scan *s, int len);                     /* the current match is the next len bytes */
void scan_newline(struct Scan *s);
void scan_token(struct Scan *s, int kind);
void scan_comment(struct Scan *s);
void scan_open_comment(struct Scan *s);
void scan_open_string(struct Scan *s);
void scan_dotted(struct Scan *s);                               /* an error outside a plan */
void scan_check_int(struct Scan *s, const char *text);
void scan_check_real(struct Scan *s, const char *text);
void scan_check_pair(struct Scan *s, const char *text);
void scan_bad_number(struct Scan *s);
void scan_hint(struct Scan *s, const char *hint);
void scan_strange(struct Scan *s, const char *text);
#endif
