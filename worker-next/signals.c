#include "worker-next/signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

static sigset_t stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

bool signals_init(struct signals *signals, struct fault *fault)
{
    sigset_t set = stop_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN); /* a log that nobody reads is no reason to die */
    signals->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return signals->fd >= 0 ||
           fault_set(fault, FAULT_FATAL, EX_OSERR, "no-descriptor", "no file descriptor left; raise the limit (ulimit -n)");
}

void signals_free(struct signals *signals)
{
    alarm(0);
    if (signals->fd >= 0) close(signals->fd);
    signals->fd = -1;
}

bool signals_received(struct signals *signals)
{
    struct signalfd_siginfo info;
    if (read(signals->fd, &info, sizeof info) != (ssize_t)sizeof info) return false;
    sigset_t set = stop_signals();
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    return true;
}

static volatile sig_atomic_t late_status;

static void exit_now(int signal_number)
{
    (void)signal_number;
    _exit(late_status);
}

void signals_exit_within(unsigned seconds, int status)
{
    late_status = status;
    signal(SIGALRM, exit_now);
    alarm(seconds);
}
