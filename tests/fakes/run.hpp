#pragma once
// Runs one coroutine to its end from a plain test.

#include "controller/base/async.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <variant>

namespace berth {

/// Runs `io` until `work` has ended, and gives its value or throws its exception. Fails after `limit` of real time.
template <class T>
T run_to_end(boost::asio::io_context& io, awaitable<T> work, std::chrono::seconds limit = std::chrono::seconds{30})
{
    using Slot = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
    struct Outcome {
        bool done = false;
        std::exception_ptr failure;
        std::optional<Slot> value;
    };
    auto outcome = std::make_shared<Outcome>(); // outlives this call when the limit passes
    if constexpr (std::is_void_v<T>) {
        auto finish = [outcome](std::exception_ptr failure) {
            outcome->failure = failure;
            outcome->done = true;
        };
        asio::co_spawn(io, std::move(work), std::move(finish));
    } else {
        auto finish = [outcome](std::exception_ptr failure, std::optional<T> value) {
            outcome->failure = failure;
            outcome->value = std::move(value);
            outcome->done = true;
        };
        asio::co_spawn(io, detail::wrap_optional(std::move(work)), std::move(finish));
    }
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!outcome->done) {
        if (io.stopped()) io.restart();
        if (io.run_one_until(end) == 0 && !outcome->done && std::chrono::steady_clock::now() >= end)
            throw std::runtime_error("the coroutine did not end in time");
    }
    if (outcome->failure) std::rethrow_exception(outcome->failure);
    if constexpr (!std::is_void_v<T>) return std::move(*outcome->value);
}

} // namespace berth
