#include "node/netns.hpp"

#include <exception>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>

namespace berth {

std::vector<Fd> sockets_in_namespace(const std::string& path, std::size_t count)
{
    const Fd target(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!target) throw system_error("open the container's network namespace");
    std::vector<Fd> sockets;
    std::exception_ptr failure;
    std::thread visitor([&] {
        try {
            if (::setns(target.get(), CLONE_NEWNET) != 0)
                throw system_error("enter the container's network namespace");
            for (std::size_t i = 0; i < count; ++i) {
                Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
                if (!socket) throw system_error("make a socket");
                sockets.push_back(std::move(socket));
            }
        } catch (...) {
            failure = std::current_exception();
        }
    });
    visitor.join();
    if (failure) std::rethrow_exception(failure);
    return sockets;
}

} // namespace berth
