"""The core reaches the world through its ports: the simulator (docs/RELIABILITY.md) is the same run for the same seed only
when nothing else reads a clock, waits, draws a number, starts a thread or a process, or opens a socket.

Used by architecture_test.py. PORTS is the whole list of files that may, each with what it may and why; a line that is not
needed any more is an error too.
"""

import re

CORE = ("storage/", "controller/", "reconcilers/", "api/", "node/", "docker/", "metrics/")

# What each kind of reach looks like in code without comments and strings.
KINDS = {
    "clock": r"\b(?:system|steady|high_resolution|file|utc)_clock(?:\s*::\s*now\b|\s*;)|\bgettimeofday\b|\bclock_gettime\b"
             r"|\btimespec_get\b|(?<![\w.>])(?:std)?::time\s*\(|(?<![\w.>:])time\s*\(\s*(?:NULL|nullptr|0|&)",
    "wait": r"\b(?:steady|system|high_resolution|deadline)_timer\b|\bthis_thread::sleep|\bsleep_for\b|\b(?:u|nano)sleep\s*\("
            r"|(?<![\w>])::(?:sleep|p?poll|epoll_wait|select)\s*\(|\bcondition_variable\b",
    "chance": r"\bmt19937|\bminstd_rand|\branlux|\brandom_device\b|\bdefault_random_engine\b|\brandom_shuffle\b|\bRAND_\w+\s*\("
              r"|\bgetrandom\s*\(|\bgetentropy\s*\(|\barc4random|(?<![\w.>])(?:std::|::)?s?rand(?:om)?\s*\(\s*\)|\bsrand\s*\(|\buuids::",
    "thread": r"\bstd::(?:thread|jthread|async)\b|\bthread_pool\b|\bpthread_create\b|\bio_context\b",
    "process": r"(?<![\w.>])(?:::)?v?fork\s*\(|\bposix_spawnp?\s*\(|(?<![\w>])::exec[lv]p?e?\s*\(|\bpopen\s*\(",
    "socket": r"(?<![\w>])::(?:socket|connect|bind|listen)\s*\(|\btcp::(?:socket|acceptor|resolver)\b|\bip::(?:tcp|udp|icmp)\b"
              r"|\blocal::stream_protocol\b|\bssl::(?:stream|context)\b|\bcurl_(?:easy|multi)_\w+",
}

PORTS = {
    # The world of both programs: what a simulated run replaces.
    "controller/base/clock.cpp": ("clock wait", "the machine's clock, behind Clock"),
    "controller/base/random.cpp": ("chance", "the one source of chance"),
    "controller/base/http_client.cpp": ("socket", "a Transport"),
    "controller/base/http_connection.cpp": ("socket", "of the HTTP client"),
    "controller/base/http_connection.hpp": ("socket", "of the HTTP client"),
    "controller/main.cpp": ("thread", "makes the threads that are handed in"),
    "api/http/server.cpp": ("socket", "the API's sockets; the router and the handlers know none"),
    "api/http/server.hpp": ("socket", "see server.cpp"),
    "api/http/session.hpp": ("socket", "see server.cpp"),
    "api/http/session.cpp": ("socket", "see server.cpp"),
    "api/actions/bucket_check.cpp": ("clock", "the real BucketCheck: blocks on the work pool"),
    "api/actions/s3_transfer.cpp": ("socket", "of the real BucketCheck"),
    "node/main.cpp": ("thread wait", "makes the threads that are handed in; its patience at the end"),
    "node/host_world.hpp": ("thread", "the real NodeWorld"),
    "node/s3_client.cpp": ("socket thread", "of the real NodeWorld: S3 over libcurl"),
    "node/rclone.cpp": ("process", "of the real NodeWorld: large objects"),
    "node/firewall.cpp": ("process wait", "of the real NodeWorld: nft"),
    "node/netns.cpp": ("socket thread", "of the real NodeWorld: enters a container's network"),
    "node/prober.cpp": ("socket", "of the real NodeWorld: probes"),
    "node/callback_relay.cpp": ("socket", "a workspace's socket; only where a container has a root folder"),
    "node/callback_relay.hpp": ("socket", "see callback_relay.cpp"),
    "node/display_idle.cpp": ("socket", "asks a workspace's X server; only where a container has a root folder"),
    # Not ports, and harmless.
    "controller/runtime/queue.hpp": ("chance", "jitter, from random_seed()"),
    "node/api_client.cpp": ("chance", "jitter, from random_seed()"),
    "controller/base/async.hpp": ("wait", "Signal and TaskGroup: timers that never fire by themselves, only by cancel()"),
    "controller/base/async.cpp": ("wait", "see async.hpp"),
    "controller/base/pch.hpp": ("thread wait", "only includes"),
    "controller/base/log.cpp": ("clock thread", "the time of a log line; lines are written by a thread of spdlog's"),
    "storage/core.cpp": ("clock", "microseconds of a commit, for a metric only"),
    "storage/writer.cpp": ("clock", "microseconds of a write, for a metric only"),
}

ADVICE = {
    "clock": "time comes from Clock",
    "wait": "who waits, waits on Clock or a Signal",
    "chance": "chance comes from controller/base/random",
    "thread": "executors are handed in",
    "process": "processes belong behind NodeWorld",
    "socket": "the network is behind a Transport or NodeWorld",
}


def check_ports(path, code, problems, ports=None):
    """`code` has no comments and no strings."""
    if not path.startswith(CORE):
        return
    allowed, _ = (PORTS if ports is None else ports).get(path, ("", ""))
    for kind, pattern in KINDS.items():
        found = re.search(pattern, code)
        if found and kind not in allowed.split():
            line = code.count("\n", 0, found.start()) + 1
            problems.append(f"{path}:{line}: {found.group(0).strip()}: the core reaches the world only through its ports: "
                            f"{ADVICE[kind]} (tests/ports_rules.py)")
        elif kind in allowed.split() and not found:
            problems.append(f"{path}:1: is listed in tests/ports_rules.py for '{kind}', but does without it")


def check_listed(root, problems):
    for path in PORTS:
        if not (root / path).is_file():
            problems.append(f"{path}:1: is listed in tests/ports_rules.py, but does not exist")


# Path, text, and a piece of the expected complaint (None: must pass); see architecture_test.py.
SAMPLES = [
    ("storage/a.cpp", "auto t = std::chrono::system_clock::now();\n", "time comes from Clock"),
    ("storage/a.cpp", "auto t = ::time(nullptr);\n", "time comes from Clock"),
    ("docker/a.cpp", "auto t = time(nullptr);\n", "time comes from Clock"),
    ("node/a.cpp", "::clock_gettime(CLOCK_REALTIME, &t);\n", "time comes from Clock"),
    ("docker/a.cpp", "auto t = clock.time(3); auto u = uptime(0);\n", None),
    ("controller/runtime/a.cpp", "std::jthread worker(f);\n", "executors are handed in"),
    ("reconcilers/a.cpp", "auto f = std::async(g);\n", "executors are handed in"),
    ("reconcilers/a.cpp", "std::mt19937 random{1};\n", "controller/base/random"),
    ("api/http/a.cpp", "int x = rand() % 3;\n", "controller/base/random"),
    ("api/http/a.cpp", "int x = operand(); int y = brand();\n", None),
    ("node/a.cpp", "int s = ::socket(AF_INET, SOCK_STREAM, 0);\n", "behind a Transport"),
    ("docker/a.cpp", "using C = std::chrono::steady_clock;\n", "time comes from Clock"),
    ("docker/a.cpp", "std::chrono::steady_clock::time_point when; Inventory::listen(); RouteTable::poll(call);\n", None),
    ("docker/a.cpp", "using boost::asio::ip::tcp;\n", "behind a Transport"),
    ("docker/a.cpp", "boost::asio::ip::address a;\n", None),
    ("api/actions/a.cpp", "std::this_thread::sleep_for(1s);\n", "waits on Clock"),
    ("node/a.cpp", "::usleep(5);\n", "waits on Clock"),
    ("node/a.cpp", "co_await clock_.sleep(pause); co_await clock_.sleep_until(due);\n", None),
    ("node/a.cpp", "if (::fork() == 0) f();\n", "behind NodeWorld"),
    ("node/a.cpp", "// std::thread and system_clock\nauto s = \"std::thread\";\n", None),
    ("controller/base/clock.cpp", "int a;\n", "but does without it"),
    ("controller/base/random.cpp", "RAND_bytes(a, 1);\nauto t = steady_clock::now();\n", "time comes from Clock"),
    ("cli/a.cpp", "std::thread t;\n", None),
]
