#include "controller/base/async.hpp"

#include "controller/base/log.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>

namespace berth {

TaskGroup::TaskGroup(Executor executor)
    : executor_(std::move(executor)), empty_(executor_, asio::steady_timer::time_point::max())
{
}

TaskGroup::~TaskGroup()
{
    if (!members_.empty()) log::error("task group destroyed with members", {{"first", members_.front().name}});
}

void TaskGroup::spawn(std::string name, awaitable<> work)
{
    if (cancelled_) return;
    const auto member = members_.emplace(members_.end());
    member->name = std::move(name);
    auto done = [this, member](std::exception_ptr failure) { finished(member, failure); };
    asio::co_spawn(
        executor_, std::move(work), asio::bind_cancellation_slot(member->signal.slot(), std::move(done)));
}

void TaskGroup::finished(std::list<Member>::iterator member, std::exception_ptr failure)
{
    if (failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            // Ending because it was asked to is what a member is expected to do.
            if (!(cancelled_ && is_cancelled(error)))
                log::error("task failed", {{"task", member->name}, {"error", error.what()}});
        }
    }
    members_.erase(member);
    if (members_.empty()) empty_.cancel();
}

void TaskGroup::cancel()
{
    cancelled_ = true;
    // A handler may run at once and erase its own member, so walk over a copy of the positions.
    std::vector<std::list<Member>::iterator> all;
    for (auto member = members_.begin(); member != members_.end(); ++member) all.push_back(member);
    for (auto member : all)
        asio::post(executor_, [this, member, name = &*member] {
            for (auto& live : members_)
                if (&live == name) {
                    member->signal.emit(asio::cancellation_type::terminal);
                    return;
                }
        });
}

awaitable<> TaskGroup::join()
{
    while (!members_.empty()) {
        boost::system::error_code ignored; // the wait ends by being cancelled
        co_await empty_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        co_await detail::throw_if_cancelled();
    }
}

awaitable<> Signal::wait()
{
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_await detail::throw_if_cancelled();
}

awaitable<> detail::throw_if_cancelled()
{
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
        throw boost::system::system_error{asio::error::operation_aborted};
}

bool is_cancelled(const std::exception& error) noexcept
{
    const auto* system = dynamic_cast<const boost::system::system_error*>(&error);
    return system && system->code() == asio::error::operation_aborted;
}

std::string describe(const std::exception_ptr& failure)
{
    if (!failure) return "no error";
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "unknown exception";
    }
}

} // namespace berth
