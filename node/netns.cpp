#include "node/netns.hpp"

#include <cstdint>
#include <exception>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>

namespace berth {

namespace {

constexpr int kNamespaceCookie = 71; ///< SO_NETNS_COOKIE, which the C library's headers may lack

} // namespace

void visit_namespace(const std::string& path, const std::function<void()>& work)
{
    const Fd target(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!target) throw system_error("open the container's network namespace");
    std::exception_ptr failure;
    std::thread visitor([&] {
        try {
            if (::setns(target.get(), CLONE_NEWNET) != 0)
                throw system_error("enter the container's network namespace");
            work();
        } catch (...) {
            failure = std::current_exception();
        }
    });
    visitor.join();
    if (failure) std::rethrow_exception(failure);
}

std::vector<Fd> sockets_in_namespace(const std::string& path, std::size_t count)
{
    std::vector<Fd> sockets;
    visit_namespace(path, [&] {
        for (std::size_t i = 0; i < count; ++i) {
            Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
            if (!socket) throw system_error("make a socket");
            sockets.push_back(std::move(socket));
        }
    });
    return sockets;
}

std::string namespace_mark(const std::string& path)
{
    std::uint64_t cookie = 0;
    visit_namespace(path, [&] {
        const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ::socklen_t size = sizeof cookie;
        if (!socket || ::getsockopt(socket.get(), SOL_SOCKET, kNamespaceCookie, &cookie, &size) != 0)
            throw system_error("tell the network namespace's number");
    });
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string boot;
    if (!(file >> boot)) throw Error{Errc::Internal, "the boot id can't be read"};
    return boot + " " + std::to_string(cookie);
}

} // namespace berth
