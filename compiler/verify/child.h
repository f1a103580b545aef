/* child.h: generated code runs in processes of its own: a temporary directory, the header that child_main.c needs, compilers,
 * time-outs. */
#ifndef FCM_CHILD_H
#define FCM_CHILD_H
#include "diag.h"
#include "graph.h"
#include "text.h"
#include "tm.h"

/* ---- the directory ---- */
typedef struct Workdir { Arena *arena; const char *path, *outer; bool keep; } Workdir;
bool workdir_open(Arena *a, Diag *d, Workdir *w);               /* mkdtemp under $TMPDIR or /tmp; $TMPDIR itself until it is closed */
const char *workdir_file(const Workdir *w, const char *fmt, ...) FCM_PRINTF(2, 3);       /* path of a file in it */
bool workdir_write(const Workdir *w, Diag *d, const char *path, const void *bytes, size_t n);
void workdir_subdir(const Workdir *w, const char *name);
void workdir_close(Workdir *w);                                 /* removes it, unless keep */

/* ---- processes ---- */
typedef enum JobEnd { JOB_NOT_RUN, JOB_EXITED, JOB_SIGNALLED, JOB_TIMED_OUT, JOB_NOT_STARTED } JobEnd;
typedef struct Job {
    const char *const *argv;        /* ends with NULL; argv[0] is looked up in PATH */
    const char *log;                /* stdout and stderr go here */
    int timeout;                    /* seconds */
    int threads;                    /* OMP_NUM_THREADS of the child; 0 = as it is */
    JobEnd end; int code;           /* results: status of EXITED, number of SIGNALLED */
    double seconds;
} Job;
void jobs_run(Job *jobs, int n, int parallel); /* all of them, `parallel` at a time; each in a process group of its own */
bool job_ok(const Job *j);
const char *job_words(Arena *a, const Job *j);                  /* "exit status 1: last lines of the log" */
const char *const *job_argv(Arena *a, const char *words,
                            ...); /* words split at blanks, then further single arguments, until NULL */
bool program_exists(const char *name);                          /* in PATH */

/* ---- what a child has to know of a build ---- */
typedef enum ChildKind { CHILD_REFERENCE, CHILD_CPU, CHILD_EMULATED, CHILD_DEVICE } ChildKind;
typedef struct ChildTensor {
    const char *cname;
    DType dtype;
    int64_t elements;
} ChildTensor; /* inputs and outputs: of one image */
typedef struct ChildSig {
    ChildKind kind;
    const char *prefix;
    VEC(ChildTensor) params, inputs, outputs;
    int64_t batch;                  /* 0 open */
    int slots, nodes;
    const char *extra;              /* appended to child.h; NULL = nothing */
    bool peer;                      /* FORM_BENCH of CHILD_CPU: link bench/onednn_chain.c and libdnnl */
} ChildSig;
ChildSig child_of_graph(Arena *a, const Graph *g, const char *prefix);
ChildSig child_of_module(Arena *a, const TmModule *m, const char *prefix, ChildKind kind);
int64_t child_bytes(const ChildTensor *t);
char *child_print(Arena *a, const ChildSig *s, const char *header);     /* the text of child.h */

/* Writes source, header, child.h and the main program into the directory `name`, and the jobs that build *program: those of
 * `first` (objects) before those of `second`. FORM_BENCH: of CHILD_CPU and CHILD_DEVICE, what a user would build, without counters. */
typedef enum ChildForm { FORM_REAL, FORM_EXACT, FORM_RACE, FORM_BENCH } ChildForm;
typedef VEC(Job) Jobs;
enum { COMPILE_SECONDS = 600 };     /* time-out of a compiler; the user's --timeout is for what it built */
typedef struct ChildBuilder { const Workdir *dir; Diag *diag; Jobs first, second; VEC(int) emulator; } ChildBuilder;
typedef struct ChildBuild { const char *program; int first, second; bool emulated; } ChildBuild;     /* jobs, -1 = none */
typedef struct ChildText { const char *source, *header, *header_name; } ChildText;
bool child_build(ChildBuilder *b, const char *name, const ChildSig *s, ChildText text, ChildForm form, ChildBuild *out);
const Job *child_failed(const ChildBuilder *b, const ChildBuild *c);    /* the compile job that failed, or NULL */

/* A program of ours that measures the machine and needs no generated text: its source in the directory, and the job that builds *program. */
bool child_calibrate(const Workdir *w, Diag *d, ChildKind kind, Job *build, const char **program);
enum { CHILD_NO_DEVICE = 77 };      /* exit status of programs that time a device: none answers */
#endif
