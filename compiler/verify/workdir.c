/* workdir.c: the temporary directory of a run, removed when it ends or is interrupted. */
#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- interrupts ---- */

/* A signal handler sees nothing else: the directory that is open, "" if none. */
static char interrupted_path[4096];
static const int interrupts[] = { SIGINT, SIGTERM, SIGHUP };

/* Only what POSIX lets a handler call: the signal does what it would have done, which ends our children too (jobs.c); another process removes the
 * directory once nobody writes there any more. */
static void on_interrupt(int number)
{
    pid_t self = getpid();
    if (interrupted_path[0] && fork() == 0) {
        for (int i = 0; i < 1000 && getppid() == self; i++) nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
        nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
        execl("/bin/sh", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do rm -rf -- \"$0\" 2>/dev/null && break; sleep 0.2; done", interrupted_path,
              (char *)NULL);                                    /* again, if a compiler made another file meanwhile */
        _exit(1);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void guard(const char *path)
{
    if (strlen(path) >= sizeof interrupted_path) return;
    strcpy(interrupted_path, path);
    for (size_t i = 0; i < sizeof interrupts / sizeof *interrupts; i++)
        if (signal(interrupts[i], on_interrupt) == SIG_IGN) signal(interrupts[i], SIG_IGN);     /* as nohup wants it */
}

static void unguard(void)
{
    for (size_t i = 0; i < sizeof interrupts / sizeof *interrupts; i++)
        if (signal(interrupts[i], SIG_DFL) == SIG_IGN) signal(interrupts[i], SIG_IGN);
    interrupted_path[0] = '\0';
}

/* ---- the directory ---- */

bool workdir_open(Arena *a, Diag *d, Workdir *w)
{
    const char *base = getenv("TMPDIR");
    char *path = arena_printf(a, "%s/fcmc-XXXXXX", base && *base ? base : "/tmp");
    *w = (Workdir){ .arena = a };
    if (!mkdtemp(path)) {
        diag_error(d, (Loc){ 0 }, "FCM5004", "cannot make a temporary directory '%s': %s", path, strerror(errno));
        return false;
    }
    w->path = path;
    w->outer = base && *base ? arena_strdup(a, base) : NULL;
    setenv("TMPDIR", path, 1);                                  /* compilers leave their files there */
    guard(path);
    return true;
}

const char *workdir_file(const Workdir *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *name = arena_vprintf(w->arena, fmt, ap);
    va_end(ap);
    return arena_printf(w->arena, "%s/%s", w->path, name);
}

void workdir_subdir(const Workdir *w, const char *name) { mkdir(workdir_file(w, "%s", name), 0777); }

bool workdir_write(const Workdir *w, Diag *d, const char *path, const void *bytes, size_t n)
{
    const char *why;
    if (text_write_file(w->arena, path, bytes, n, &why)) return true;
    diag_error(d, (Loc){ 0 }, "FCM5002", "cannot write '%s': %s", path, why);
    return false;
}

/* Two levels deep: the directory holds one subdirectory per child. */
static void empty(Arena *a, const char *path)
{
    DIR *dir = opendir(path);
    if (!dir) return;
    for (struct dirent *e; (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        const char *at = arena_printf(a, "%s/%s", path, e->d_name);
        struct stat st;
        if (lstat(at, &st) == 0 && S_ISDIR(st.st_mode)) empty(a, at);
        else unlink(at);
    }
    closedir(dir);
    rmdir(path);
}

void workdir_close(Workdir *w)
{
    if (w->path && !w->keep) empty(w->arena, w->path);
    if (w->path) unguard();
    if (w->path && w->outer) setenv("TMPDIR", w->outer, 1);
    else if (w->path) unsetenv("TMPDIR");
    w->path = NULL;
}
