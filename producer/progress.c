#include "producer/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "producer/clock.h"

enum {
    PROGRESS_PATIENCE_MS = 1000, /* work that is done sooner shows no bar at all */
    PROGRESS_REDRAW_MS = 100,
    PROGRESS_COLUMNS = 30,
};

void progress_start(struct progress *progress, const char *label, uint64_t total)
{
    *progress = (struct progress){
        .label = label, .total = total, .drawn_ms = clock_monotonic_ms(), .is_terminal = total > 0 && isatty(STDERR_FILENO) == 1};
}

static void progress_draw(const struct progress *progress, uint64_t done)
{
    char bar[PROGRESS_COLUMNS + 1];
    unsigned percent = (unsigned)((double)done * 100 / (double)progress->total);
    size_t filled = (size_t)percent * PROGRESS_COLUMNS / 100;
    memset(bar, '#', filled);
    memset(bar + filled, '.', PROGRESS_COLUMNS - filled);
    bar[PROGRESS_COLUMNS] = '\0';
    fprintf(stderr, "\r%s [%s] %3u %%", progress->label, bar, percent);
    fflush(stderr);
}

void progress_show(struct progress *progress, uint64_t done)
{
    if (!progress->is_terminal) return;
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms - progress->drawn_ms < (progress->is_drawn ? PROGRESS_REDRAW_MS : PROGRESS_PATIENCE_MS)) return;
    progress->drawn_ms = now_ms;
    progress->is_drawn = true;
    progress_draw(progress, done < progress->total ? done : progress->total);
}

void progress_end(struct progress *progress)
{
    if (progress->is_drawn) fputs("\r\033[K", stderr);
    progress->is_drawn = false;
}
