#pragma once
// An owned file descriptor.

#include "controller/base/error.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <unistd.h>

namespace berth {

/// Closes what it holds. Move-only; any thread.
class Fd {
public:
    Fd() = default;
    explicit Fd(int number) : number_(number) {}
    Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Fd& operator=(Fd&& other) noexcept
    {
        if (this != &other) reset(std::exchange(other.number_, -1));
        return *this;
    }
    ~Fd() { reset(); }

    int get() const noexcept { return number_; }
    explicit operator bool() const noexcept { return number_ >= 0; }
    int release() noexcept { return std::exchange(number_, -1); }
    void reset(int number = -1) noexcept
    {
        if (number_ >= 0) ::close(number_);
        number_ = number;
    }

private:
    int number_ = -1;
};

/// "open x: No such file or directory", with a code that tells a missing file from the rest.
inline Error system_error(const std::string& what, int number = errno)
{
    const auto code = number == ENOENT                       ? Errc::NotFound
                      : number == EEXIST                     ? Errc::Exists
                      : number == EACCES || number == EPERM  ? Errc::Denied
                      : number == ENOSPC || number == EDQUOT ? Errc::Quota
                                                             : Errc::Internal;
    return Error{code, what + ": " + std::strerror(number)};
}

} // namespace berth
