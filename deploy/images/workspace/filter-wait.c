/*
 * A container's namespace exists only once the container is started, so its filter comes some milliseconds later. The mark is
 * "<boot id> <cookie>": the kernel gives each network namespace a number that no other gets until the next boot. So the mark of an
 * earlier container, whose volume this is as well, counts for nothing.
 */
#define _GNU_SOURCE
#include "filter-wait.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

enum {
    kDeadlineSeconds = 600, /* longer than the controller's own: it knows better what is wrong */
    kLookMs = 100           /* a look now and then, for a kernel that does not tell of the file */
};

static size_t read_text(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0) close(fd);
    text[got < 0 ? 0 : got] = 0;
    return strcspn(text, "\n");
}

/* What the mark of this namespace says; -1 where the kernel has no such numbers. */
static int own_mark(char *text, size_t size) {
    char boot[64];
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int known = fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) == 0;
    if (fd >= 0) close(fd);
    size_t boot_size = read_text("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    if (!known || boot_size == 0) return -1;
    snprintf(text, size, "%.*s %" PRIu64, (int)boot_size, boot, cookie);
    return 0;
}

static int mark_is(const char *path, const char *wanted) {
    char text[128];
    size_t size = read_text(path, text, sizeof text);
    return size == strlen(wanted) && memcmp(text, wanted, size) == 0;
}

static int watch_folder_of(const char *mark) {
    char folder[256];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(mark, '/') - mark), mark);
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch >= 0) inotify_add_watch(watch, folder, IN_MOVED_TO | IN_CLOSE_WRITE);
    return watch; /* without one, looking now and then is enough */
}

static long seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static int wait_for_mark(const char *mark, const char *wanted, int signals, int watch, long deadline) {
    const long give_up = seconds_now() + deadline;
    while (!mark_is(mark, wanted)) {
        char events[4096];
        struct pollfd fds[] = {{signals, POLLIN, 0}, {watch, POLLIN, 0}};
        if (poll(fds, 2, kLookMs) < 0 && errno != EINTR) return 2;
        if (fds[0].revents) return 1;
        while (watch >= 0 && read(watch, events, sizeof events) > 0) {
        }
        if (seconds_now() >= give_up) {
            fprintf(stderr,
                    "berth-init: this workspace's network filter did not come within %ld s, so nothing was started; "
                    "the log of its node's agent (berth-node) says why\n",
                    deadline);
            return 2;
        }
    }
    return 0;
}

int wait_for_filter(const char *mark, int signals) {
    const char *isolation = getenv("BERTH_ISOLATION"), *limit = getenv("BERTH_FILTER_DEADLINE");
    char wanted[128];
    if (!isolation || strcmp(isolation, "on") != 0) return 0;
    if (own_mark(wanted, sizeof wanted) < 0) {
        fprintf(stderr, "berth-init: isolation needs Linux 5.14 or later: whether the network filter is there can't be told\n");
        return 2;
    }
    long deadline = limit ? atol(limit) : kDeadlineSeconds;
    int watch = watch_folder_of(mark);
    int result = wait_for_mark(mark, wanted, signals, watch, deadline > 0 ? deadline : kDeadlineSeconds);
    if (watch >= 0) close(watch);
    return result;
}
