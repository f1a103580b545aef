/* jobs.c: child processes, a few at a time, each in a process group of its own that is killed when its time is up. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { LOG_TAIL = 1500, NOT_STARTED = 127 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* In the child: a group of its own, output to the log, no input. It ends with its parent, which an interrupt of the terminal
 * reaches alone. */
static void become(const Job *j)
{
    setpgid(0, 0);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM);                          /* compilers then remove their own files */
#endif
    int log = open(j->log ? j->log : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666), in = open("/dev/null", O_RDONLY);
    dup2(in, 0);
    dup2(log, 1);
    dup2(log, 2);
    if (j->threads) {
        char text[16];
        snprintf(text, sizeof text, "%d", j->threads);
        setenv("OMP_NUM_THREADS", text, 1);
    }
    union { const char *const *in; char *const *out; } argv = { .in = j->argv };     /* execvp does not change them */
    execvp(argv.out[0], argv.out);
    fprintf(stderr, "%s: %s\n", argv.out[0], strerror(errno));
    _exit(NOT_STARTED);
}

typedef struct Running { pid_t pid; Job *job; double start; } Running;

static void finish(Running *r, int status)
{
    r->job->seconds = now() - r->start;
    if (r->job->end != JOB_TIMED_OUT) {
        r->job->end = WIFEXITED(status) ? JOB_EXITED : JOB_SIGNALLED;
        r->job->code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    }
    kill(-r->pid, SIGKILL);                                     /* what it may have left behind in its group */
    r->pid = 0;
}

/* True if it has ended. */
static bool poll_one(Running *r)
{
    int status;
    pid_t p = waitpid(r->pid, &status, WNOHANG);
    if (p == r->pid) return finish(r, status), true;
    if (now() - r->start > r->job->timeout && r->job->end == JOB_NOT_RUN) {
        r->job->end = JOB_TIMED_OUT;
        kill(-r->pid, SIGKILL);
        kill(r->pid, SIGKILL);                                  /* before it has made its group */
    }
    return false;
}

void jobs_run(Job *jobs, int n, int parallel)
{
    enum { MOST = 256 };
    Running slot[MOST] = { 0 };
    int slots = parallel < 1 ? 1 : parallel > MOST ? MOST : parallel, next = 0, live = 0;
    fflush(NULL);                                               /* so that no child inherits unwritten output */
    while (next < n || live > 0) {
        bool moved = false;
        for (int s = 0; s < slots; s++) {
            if (slot[s].pid && poll_one(&slot[s])) live--, moved = true;
            if (slot[s].pid || next >= n) continue;
            Job *j = &jobs[next++];
            if (j->end != JOB_NOT_RUN) continue;
            pid_t pid = fork();
            if (pid == 0) become(j);
            if (pid < 0) {
                j->end = JOB_NOT_STARTED;
                continue;
            }
            setpgid(pid, pid);
            slot[s] = (Running){ pid, j, now() };
            live++, moved = true;
        }
        if (!moved && live > 0) nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
    }
}

bool job_ok(const Job *j) { return j->end == JOB_EXITED && j->code == 0; }

const char *job_words(Arena *a, const Job *j)
{
    size_t n = 0;
    const char *why, *log = j->log ? text_read_file(a, j->log, (size_t)64 << 20, &n, &why) : NULL;
    if (!log) log = "", n = 0;
    const char *tail = n > LOG_TAIL ? log + n - LOG_TAIL : log, *head = "";
    switch (j->end) {
    case JOB_EXITED: head = j->code == NOT_STARTED ? "it did not start" : arena_printf(a, "exit status %d", j->code); break;
    case JOB_SIGNALLED: head = arena_printf(a, "killed by signal %d (%s)", j->code, strsignal(j->code)); break;
    case JOB_TIMED_OUT: head = arena_printf(a, "no end after %d seconds", j->timeout); break;
    case JOB_NOT_RUN: return "it was not run";
    case JOB_NOT_STARTED: return "it did not start";
    }
    return *tail ? arena_printf(a, "%s\n%s", head, tail) : head;
}

const char *const *job_argv(Arena *a, const char *words, ...)
{
    VEC(const char *) v = { 0 };
    for (const char *s = words; *s;) {
        size_t n = strcspn(s, " ");
        if (n) vec_push(a, &v, arena_strndup(a, s, n));
        s += n + (s[n] == ' ');
    }
    va_list ap;
    va_start(ap, words);
    for (const char *s; (s = va_arg(ap, const char *));) vec_push(a, &v, s);
    va_end(ap);
    vec_push(a, &v, NULL);
    return v.at;
}

bool program_exists(const char *name)
{
    const char *path = getenv("PATH");
    char file[4096];
    for (const char *s = path ? path : ""; *s;) {
        size_t n = strcspn(s, ":");
        int len = snprintf(file, sizeof file, "%.*s/%s", (int)n, s, name);
        if (len > 0 && (size_t)len < sizeof file && access(file, X_OK) == 0) return true;
        s += n + (s[n] == ':');
    }
    return false;
}
