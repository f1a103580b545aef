/* driver_lower.c: graph → stages → planned module → text, for one target. */
#include "backend.h"
#include "child.h"
#include "driver.h"
#include "reference.h"
#include "tuning.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What nvidia-smi says of the first GPU. False: there is no such program, or none answers it. */
static bool ask_smi(char *name, int size, int *arch)
{
    char *comma;
    int major = 0, minor = 0;
    FILE *f = program_exists("nvidia-smi") ? popen("nvidia-smi --query-gpu=name,compute_cap --format=csv,noheader 2>/dev/null", "r") : NULL;
    if (!f) return false;
    bool told = fgets(name, size, f) != NULL;
    told = pclose(f) == 0 && told && (comma = strrchr(name, ',')) && sscanf(comma + 1, "%d.%d", &major, &minor) == 2;
    if (told) *comma = 0, *arch = 10 * major + minor;
    return told;
}

/* A node of the driver, or, where there is none (Windows' Linux), an answer. */
bool driver_has_gpu(Driver *d)
{
    char name[128];
    int arch;
    if (d->gpu == GPU_NOT_ASKED) {
        bool node = access("/dev/nvidiactl", R_OK) == 0 || access("/dev/nvgpu", R_OK) == 0 || access("/dev/nvhost-gpu", R_OK) == 0;
        d->gpu = node || ask_smi(name, sizeof name, &arch) ? GPU_THERE : GPU_NONE;
    }
    return d->gpu == GPU_THERE;
}

/* The built-in device for the first GPU that nvidia-smi names, or NULL: no GPU, no such program, or an architecture that none stands for. */
static const char *gpu_at_hand(Driver *d)
{
    char name[128];
    int arch;
    return ask_smi(name, sizeof name, &arch) ? device_of_gpu(arena_strdup(d->arena, name), arch) : NULL;
}

/* What is timed is the GPU at hand, whatever was planned for. A device file of the user's may well describe it. */
static void warn_of_another(Driver *d, const Device *dev)
{
    bool built_in = false, timed = d->cli->verb == VERB_BENCH || d->cli->verb == VERB_TUNE;
    for (int i = 0; i < device_count(); i++) built_in = built_in || strcmp(device_name(i), dev->name) == 0;
    const char *at_hand = timed && built_in ? gpu_at_hand(d) : NULL;
    if (at_hand && strcmp(at_hand, dev->name) != 0)
        diag_warning(d->diag, NOWHERE, "FCM5016", "what is timed is the GPU at hand, nearest to device %s, with a plan for %s", at_hand, dev->name);
}

/* "host" stands for the CPU at hand; cuda without a GPU plans for h200. */
static const Device *choose_device(Driver *d, CliTarget target)
{
    const char *asked = cli_text(d->cli, OPT_DEVICE), *name = asked;
    if (!name || strcmp(name, "native") == 0) name = target == CLI_CPU ? "host" : gpu_at_hand(d);
    if (!name) name = "h200";
    const Device *dev = device_find(d->arena, d->diag, name);
    if (!dev) return NULL;
    if (dev->target != (target == CLI_CPU ? TM_CPU : TM_CUDA)) {
        diag_error(d->diag, NOWHERE, "FCM2008", "device '%s' is for --target %s", dev->name,
                   dev->target == TM_CPU ? "cpu" : "cuda");
        return NULL;
    }
    bool first = !(d->remarked >> target & 1);
    if (first && !asked) diag_remark(d->diag, NOWHERE, "FCM5009", "planned for device %s", dev->name);
    else if (first && target == CLI_CUDA) warn_of_another(d, dev);
    d->remarked |= 1u << target;
    return dev;
}

/* A plan is for a device by name, or for all of an architecture: "sm_90". */
static bool plan_is_for(const AstPlan *p, const Device *dev)
{
    char arch[32];
    snprintf(arch, sizeof arch, "sm_%d", (int)dev->arch);
    return strcmp(p->device.text, dev->name) == 0 || (dev->target == TM_CUDA && strcmp(p->device.text, arch) == 0);
}

/* The plan that pins this block on this device: of --plan FILE first, else of the source. */
static const AstPlan *find_plan(const AstFile *f, const char *block, const Device *dev)
{
    for (int i = f->items.n; i-- > 0;) {
        const AstItem *it = &f->items.at[i];
        if (it->kind == AST_ITEM_PLAN && strcmp(it->u.plan->block.text, block) == 0 && plan_is_for(it->u.plan, dev)) return it->u.plan;
    }
    return NULL;
}

static bool pinned_plan(Driver *d, const AstFiles *files, const char *block, const Device *dev, const AstPlan **out)
{
    const char *path = cli_text(d->cli, OPT_PLAN), *why;
    *out = NULL;
    if (path) {
        size_t len;
        int before = diag_errors(d->diag);
        const char *text = text_read_file(d->arena, path, 16 << 20, &len, &why);
        if (!text) return diag_error(d->diag, NOWHERE, "FCM5001", "cannot read '%s': %s", path, why), false;
        int source = diag_add_source(d->diag, path, text, len);
        const AstFile *f = ast_parse_plan(d->arena, d->diag, source);
        if (diag_errors(d->diag) > before) return false;
        *out = find_plan(f, block, dev);
        if (!*out)
            diag_warning(d->diag, (Loc){ source, 0, 0 }, "FCM2009", "no plan here is for block '%s' on device '%s'", block,
                         dev->name);
    }
    for (int i = files->n; !*out && i-- > 0;) *out = find_plan(files->at[i], block, dev);
    return true;
}

/* Device, batch, objective and pinned plan. */
static bool plan_options(Driver *d, const char *path, const AstFiles *files, const Graph *g, CliTarget target, Lowered *out)
{
    int64_t batch = driver_batch(d, g);
    PlanOptions o = { .batch = batch > 0 ? batch : 1, .source = path, .longest = cli_has(d->cli, OPT_PAIRS) ? 2 : 0 };
    if (batch < 0 || !(out->device = o.device = choose_device(d, target))) return false;
    if (cli_has(d->cli, OPT_MINIMIZE)) plan_objective(cli_text(d->cli, OPT_MINIMIZE), &o.minimize);
    o.explain = d->cli->verb == VERB_PLAN || driver_wants_remark(d, "pass-missed=fuse");
    if (!pinned_plan(d, files, g->block, o.device, &o.pinned)) return false;
    out->options = o;
    return true;
}

/* What tune measured for this block and device is pinned, unless the plan is given, or something other than time is asked for. */
static void use_tuning(Driver *d, const char *path, const Graph *g, const Stages *s, Lowered *out)
{
    PlanOptions *o = &out->options;
    if (o->pinned || o->longest || o->minimize != PLAN_TIME || d->cli->verb == VERB_TUNE || cli_has(d->cli, OPT_NO_TUNING)) return;
    TuningLine line;
    const char *file = tuning_path(d->arena, path);
    o->pinned = tuning_find(d->arena, d->diag, file, g, s, o, &line);
    if (o->pinned)
        diag_remark(d->diag, NOWHERE, "FCM5012", "'%s' takes its plan from %s: measured %.2f us%s", g->block, file, line.measured,
                    o->device->target == TM_CUDA ? "" : arena_printf(d->arena, " with %d thread%s", line.key.threads,
                                                                     line.key.threads == 1 ? "" : "s"));
}

bool driver_lower(Driver *d, const char *path, const AstFiles *files, const Graph *g, CliTarget target, Lowered *out)
{
    *out = (Lowered){ .graph = g };
    Stages *s = graph_stages(d->arena, d->diag, g);
    if (!s) return false;
    if (target == CLI_REFERENCE) return driver_batch(d, g) >= 0;
    if (!plan_options(d, path, files, g, target, out)) return false;
    use_tuning(d, path, g, s, out);
    out->module = plan_module(d->arena, d->diag, g, s, &out->options, &out->report);
    if (out->module) driver_remarks(d, out);
    return out->module != NULL;
}

bool driver_report(Driver *d, const char *path, const AstFiles *files, const Graph *g, CliTarget target, Lowered *out)
{
    *out = (Lowered){ .graph = g };
    Stages *s = graph_stages_partial(d->arena, d->diag, g);
    if (!s || !plan_options(d, path, files, g, target, out)) return false;
    use_tuning(d, path, g, s, out);
    return plan_report(d->arena, d->diag, g, s, &out->options, &out->report);
}

CliTarget driver_module_target(const TmModule *m)
{
    return m->programs.n && m->programs.at[0]->target == TM_CUDA ? CLI_CUDA : CLI_CPU;
}

/* Predicted cost, for the header comment. */
static const char *predicted(Driver *d, const Lowered *l)
{
    Text t = text_new(d->arena);
    for (int i = 0; i < l->report.groups.n; i++) {
        const PlanGroup *g = &l->report.groups.at[i];
        text_printf(&t, "%s: %s; batch %lld: %.3f MB of DRAM traffic, %.2f us, bound by %s\n", g->name, g->best.text,
                    (long long)l->options.batch, (double)g->best.cost.dram_bytes / 1e6, g->best.cost.time * 1e6,
                    g->best.cost.bound);
    }
    return t.n ? t.at : NULL;
}

bool driver_emit(Driver *d, const Lowered *l, CliTarget target, const char *header_name, Emitted *out)
{
    const char *prefix = cli_text(d->cli, OPT_PREFIX), *why = NULL;
    out->source = text_new(d->arena);
    out->header = text_new(d->arena);
    bool ok;
    if (target == CLI_REFERENCE) {
        RefOptions o = { FCM_VERSION, prefix, header_name, false, d->diag };
        ok = emit_reference(d->arena, l->graph, &o, &out->source, &out->header);
        why = "its sizes do not fit 63 bits";
    } else {
        EmitOptions o = { true, FCM_VERSION, predicted(d, l), prefix, header_name };
        ok = (target == CLI_CUDA ? emit_cuda : emit_cpu)(d->arena, l->module, &o, &out->source, &out->header, &why);
    }
    if (!ok) diag_error(d->diag, l->graph ? l->graph->loc : NOWHERE, "FCM5003", "cannot print %s for %s: %s",
                        l->graph ? l->graph->block : l->module->name, cli_target_name(target), why);
    return ok;
}
