/*
 * Process 1 of a workspace: starts the supervisor, reaps orphans, forwards signals, and keeps the web port answering until the user's
 * own server wants it. First of all it waits for the workspace's network filter (filter-wait.c). It is linked statically, so that no
 * LD_PRELOAD of a workspace's environment runs in it.
 *
 * Why the placeholder page lives here: a user's server must simply be able to bind port 3000, with whatever program and without root.
 * A listener of ours would make that bind fail, and nothing tells a listener that somebody else tried. So the children run under a
 * seccomp filter that reports every bind(2) to this process before the kernel carries it out (SECCOMP_RET_USER_NOTIF, no privilege
 * needed with no_new_privs). If the address has our port, the listener is closed first; then the call goes on as if nothing had
 * happened. When nobody has the port any more, the page comes back. Process 1 cannot be killed from inside the container, so the
 * filter never loses its listener. Where the kernel or the container runtime has no such filters, there is no page and the port is
 * the user's alone.
 *
 * usage: berth-init PORT PAGE.html COMMAND [ARGUMENT...]
 *        berth-enter COMMAND [ARGUMENT...]     (a link to berth-init)
 *
 * A process that comes from outside (docker exec) is no child of process 1 and not under its filter: its bind of the web port would fail
 * while the page is there. berth-enter puts it under a filter of its own, reported to process 1 as well, and becomes the command.
 */
#define _GNU_SOURCE
#include "filter-wait.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define kEnterSocket "/run/berth-ws/enter.sock"
#define kFilterMark "/run/berth/ready"

enum {
    kMaxClients = 64,
    kMaxNotifiers = 32, /* the supervisor's filter and those of berth-enter; one too many stays without a filter */
    kClientMs = 5000,  /* a client that is slower than this is dropped */
    kReturnMs = 1000,  /* how often a given-up port is tried again */
    kGraceMs = 5000,   /* time between a bind and its listen: the port is left alone for so long */
    kStopMs = 2500,    /* a stop takes at most so long, then everything is killed */
    kMaxFailures = 5   /* the command may end unasked so often within a second of its start */
};

struct client {
    int fd; /* -1 = free slot */
    long deadline;
    size_t got, sent;
    char request[1024];
};

static struct client clients[kMaxClients];
static uint16_t web_port;
static char response[64 * 1024];
static size_t response_size;
static size_t head_size;
static int listener = -1;
static int enter_socket = -1;
static int notifiers[kMaxNotifiers]; /* -1 = free; the first is the supervisor's */
static long next_try;

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000L;
}

static void load_page(const char *path) {
    static char body[48 * 1024];
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(body, 1, sizeof body, file) : 0;
    if (file) fclose(file);
    head_size = (size_t)snprintf(response, sizeof response,
                                 "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\n"
                                 "Cache-Control: no-store\r\nX-Berth-Placeholder: 1\r\nConnection: close\r\n\r\n",
                                 size);
    memcpy(response + head_size, body, size);
    response_size = head_size + size;
}

/* Closes with a reset: a connection in TIME_WAIT could keep a user's server without SO_REUSEADDR from the port. */
static void drop_client(struct client *c, int reset) {
    if (reset) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(c->fd);
    c->fd = -1;
}

static void step_aside(void) {
    if (listener >= 0) close(listener);
    listener = -1;
    for (int i = 0; i < kMaxClients; i++)
        if (clients[i].fd >= 0) drop_client(&clients[i], 1);
    next_try = now_ms() + kGraceMs;
}

/* Takes the port if nobody listens on it, on any address of either family. */
static void try_listen(void) {
    next_try = now_ms() + kReturnMs;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int off = 0, on = 1, is_v6 = fd >= 0;
    if (!is_v6) fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(web_port), .sin6_addr = in6addr_any};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(web_port), .sin_addr.s_addr = htonl(INADDR_ANY)};
    if (is_v6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    const struct sockaddr *address = is_v6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    if (bind(fd, address, is_v6 ? sizeof six : sizeof four) < 0 || listen(fd, 64) < 0) {
        close(fd);
        return;
    }
    listener = fd;
}

static void accept_client(void) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    for (int i = 0; i < kMaxClients; i++) {
        if (clients[i].fd >= 0) continue;
        clients[i] = (struct client){.fd = fd, .deadline = now_ms() + kClientMs};
        return;
    }
    close(fd);
}

/* Reads until the end of the request's head, then writes the page. */
static void serve_client(struct client *c) {
    while (c->sent == 0) {
        ssize_t n = recv(c->fd, c->request + c->got, sizeof c->request - c->got, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) return drop_client(c, 0);
        c->got += (size_t)n;
        int complete = memmem(c->request, c->got, "\r\n\r\n", 4) != NULL;
        if (!complete && c->got == sizeof c->request) { /* a long head: its end is all that matters */
            memmove(c->request + 8, c->request + c->got - 3, 3);
            c->got = 11;
        }
        if (complete) break;
    }
    size_t size = memcmp(c->request, "HEAD ", 5) == 0 ? head_size : response_size;
    while (c->sent < size) {
        ssize_t n = send(c->fd, response + c->sent, size - c->sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) return drop_client(c, 0);
        c->sent += (size_t)n;
    }
    /* The client closes first (Connection: close), so that the TIME_WAIT is on its side; the deadline resets one that does not. */
    char rest[1024];
    ssize_t n = recv(c->fd, rest, sizeof rest, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) drop_client(c, 0);
}

/* By /proc, because container runtimes often forbid process_vm_readv. */
static int read_memory(pid_t pid, uint64_t from, void *to, size_t size) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t n = pread(fd, to, size, (off_t)from);
    close(fd);
    return n == (ssize_t)size ? 0 : -1;
}

/*
 * Whether a bind(2) of another process asks for our port. The memory of a process from outside may be unreadable (Yama lets us read
 * descendants only): then every address of an Internet socket's size counts, and the page comes back a few seconds later.
 */
static int wants_web_port(const struct seccomp_notif *call) {
    struct sockaddr_in address = {0}; /* family and port are at the same place in both families */
    size_t size = call->data.args[2];
    if (size != sizeof(struct sockaddr_in) && size < sizeof(struct sockaddr_in6) - 4) return 0;
    if (read_memory((pid_t)call->pid, call->data.args[1], &address, sizeof address) < 0)
        return size == sizeof(struct sockaddr_in) || size == sizeof(struct sockaddr_in6);
    return (address.sin_family == AF_INET || address.sin_family == AF_INET6) && ntohs(address.sin_port) == web_port;
}

static void answer_bind(int notifier) {
    struct seccomp_notif call = {0};
    if (ioctl(notifier, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) return; /* the caller is gone */
    if (wants_web_port(&call)) step_aside();
    struct seccomp_notif_resp reply = {.id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    ioctl(notifier, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

/*
 * Runs in the child: reports every bind(2) of the native architecture. Returns the descriptor on which the reports arrive, or -1.
 * What no packet filter sees is closed on the way, as newer engines' own profiles do: vsock, which leads from a virtual machine to its
 * host, and io_uring, which makes sockets without the system call.
 */
static int install_filter(void) {
#if defined(__x86_64__)
    const uint32_t arch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
    const uint32_t arch = AUDIT_ARCH_AARCH64;
#else
#error "say which audit architecture this is"
#endif
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_bind, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_VSOCK, 3, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -1;
    return (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void send_fd(int socket, int fd) {
    char byte = fd >= 0 ? '1' : '0', space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = space;
        message.msg_controllen = sizeof space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    while (sendmsg(socket, &message, 0) < 0 && errno == EINTR) {
    }
}

static int receive_fd(int socket) {
    char byte, space[CMSG_SPACE(sizeof(int))];
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) < 1) return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int fd = -1;
    if (header && header->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

static pid_t start(char **command, const sigset_t *signals) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return -1;
    pid_t child = fork();
    if (child == 0) {
        sigprocmask(SIG_UNBLOCK, signals, NULL);
        signal(SIGPIPE, SIG_DFL);
        setsid();
        setenv("BERTH_ENTERED", "1", 1); /* tells shells that they need no berth-enter */
        int fd = install_filter();
        send_fd(pair[1], fd);
        if (fd >= 0) close(fd);
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    close(pair[1]);
    notifiers[0] = receive_fd(pair[0]);
    close(pair[0]);
    if (notifiers[0] < 0) fprintf(stderr, "berth-init: no seccomp notification here: port %u has no placeholder page\n", web_port);
    return child;
}

/* Where berth-enter hands over its descriptor. */
static struct sockaddr_un enter_address(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, kEnterSocket);
    return address;
}

static void open_enter_socket(void) {
    struct sockaddr_un address = enter_address();
    unlink(address.sun_path);
    enter_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(enter_socket, (struct sockaddr *)&address, sizeof address) < 0 || listen(enter_socket, 16) < 0)
        perror("berth-init: " kEnterSocket);
}

/* Takes the descriptor of one berth-enter. Waits for it a moment at most: this process must never hang. */
static void accept_enter(void) {
    int connection = accept4(enter_socket, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) return;
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_usec = 200000}, sizeof(struct timeval));
    int fd = receive_fd(connection), slot = 1;
    while (slot < kMaxNotifiers && notifiers[slot] >= 0) slot++;
    if (fd >= 0 && slot < kMaxNotifiers)
        notifiers[slot] = fd;
    else if (fd >= 0)
        close(fd);
    close(connection);
}

/* berth-enter: without process 1's help, or under a filter already, the command simply runs. */
static int enter(char **command) {
    struct sockaddr_un address = enter_address();
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) == 0) {
        int fd = install_filter();
        send_fd(connection, fd);
        if (fd >= 0) close(fd);
        char end;
        if (read(connection, &end, 1) < 0) perror("berth-enter"); /* until process 1 has it */
    }
    close(connection);
    execvp(command[0], command);
    perror(command[0]);
    return 127;
}

/* Reaps everything that ended; returns the main child's exit code, or -1 while it runs. */
static int reap(pid_t main_child) {
    int status, code = -1;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == main_child) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return code;
}

static int poll_timeout(long stop_at) {
    long now = now_ms(), first = now + 60000;
    if (listener < 0 && notifiers[0] >= 0 && next_try < first) first = next_try;
    if (stop_at && stop_at < first) first = stop_at;
    for (int i = 0; i < kMaxClients; i++)
        if (clients[i].fd >= 0 && clients[i].deadline < first) first = clients[i].deadline;
    return first > now ? (int)(first - now) : 0;
}

/* Answers every bind that waits. Returns whether there was one: it may have closed the other descriptors. */
static int serve_binds(const struct pollfd *fds) {
    int served = 0;
    for (int i = 0; i < kMaxNotifiers; i++) {
        if (fds[i].revents & POLLIN) {
            answer_bind(notifiers[i]);
            served = 1;
        } else if (fds[i].revents & (POLLHUP | POLLERR)) { /* the last process under this filter is gone */
            close(notifiers[i]);
            notifiers[i] = -1;
        }
    }
    return served;
}

static void serve_clients(const struct pollfd *fds) {
    for (int i = 0; i < kMaxClients; i++) {
        if (clients[i].fd < 0) continue;
        if (fds[i].revents) serve_client(&clients[i]);
        if (clients[i].fd >= 0 && now_ms() >= clients[i].deadline) drop_client(&clients[i], 1);
    }
}

static void poll_once(int signals, long stop_at) {
    struct pollfd fds[3 + kMaxNotifiers + kMaxClients] = {{signals, POLLIN, 0}, {listener, POLLIN, 0}, {enter_socket, POLLIN, 0}};
    struct pollfd *of_notifiers = fds + 3, *of_clients = of_notifiers + kMaxNotifiers;
    for (int i = 0; i < kMaxNotifiers; i++) of_notifiers[i] = (struct pollfd){notifiers[i], POLLIN, 0};
    for (int i = 0; i < kMaxClients; i++) {
        short events = clients[i].sent && clients[i].sent < response_size ? POLLOUT : POLLIN;
        of_clients[i] = (struct pollfd){clients[i].fd, events, 0};
    }
    if (poll(fds, sizeof fds / sizeof fds[0], poll_timeout(stop_at)) < 0) return;
    if (serve_binds(of_notifiers)) return;
    serve_clients(of_clients);
    if (fds[1].revents & POLLIN) accept_client();
    if (fds[2].revents & POLLIN) accept_enter();
}

/* The supervisor is gone: ends what it left behind and starts it anew. */
static pid_t restart(char **command, const sigset_t *signals) {
    if (getpid() == 1) {
        kill(-1, SIGKILL);
        while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
        }
    }
    for (int i = 0; i < kMaxNotifiers; i++) {
        if (notifiers[i] >= 0) close(notifiers[i]);
        notifiers[i] = -1;
    }
    step_aside();
    next_try = 0;
    return start(command, signals);
}

static int run(char **command, const sigset_t *set, int signals) {
    int failures = 0;
    long stop_at = 0, started = now_ms();
    for (pid_t child = start(command, set); child > 0;) {
        if (!stop_at && listener < 0 && notifiers[0] >= 0 && now_ms() >= next_try) try_listen();
        poll_once(signals, stop_at);
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof info) == sizeof info) {
            if (info.ssi_signo == SIGCHLD) continue;
            kill(child, SIGTERM);
            if (!stop_at) stop_at = now_ms() + kStopMs;
        }
        int code = reap(child);
        if (stop_at && (code >= 0 || now_ms() >= stop_at)) return 0; /* the end of process 1 kills the rest */
        if (code < 0) continue;
        failures = now_ms() - started < 1000 ? failures + 1 : 0;
        if (failures >= kMaxFailures) return code;
        started = now_ms();
        child = restart(command, set);
    }
    return 1;
}

int main(int argc, char **argv) {
    const char *name = strrchr(argv[0], '/');
    if (argc > 1 && strcmp(name ? name + 1 : argv[0], "berth-enter") == 0) return enter(argv + 1);
    if (argc < 4) {
        fprintf(stderr, "usage: %s PORT PAGE.html COMMAND [ARGUMENT...]\n", argv[0]);
        return 2;
    }
    web_port = (uint16_t)atoi(argv[1]);
    for (int i = 0; i < kMaxClients; i++) clients[i].fd = -1;
    for (int i = 0; i < kMaxNotifiers; i++) notifiers[i] = -1;
    const int wanted[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) sigaddset(&set, wanted[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) return 1;
    const int waited = wait_for_filter(kFilterMark, signals);
    if (waited != 0) return waited == 1 ? 0 : waited;
    open_enter_socket();
    load_page(argv[2]);
    return run(argv + 3, &set, signals);
}
