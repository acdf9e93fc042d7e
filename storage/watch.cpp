#include "storage/watch.hpp"

#include "controller/base/planted.hpp"
#include "storage/core.hpp"

namespace berth {

Watch::Watch(std::shared_ptr<detail::Core> core, std::string plural, Revision after)
    : core_(std::move(core)),
      plural_(std::move(plural)),
      seen_(after),
      changed_(core_->io())
{}

Watch::~Watch() { core_->forget(this); }

const Change* Watch::peek()
{
    for (;;) {
        const auto* change = core_->after(seen_);
        if (!change || plural_.empty() || change->entry->plural == plural_) return change;
        seen_ = change->revision;
    }
}

std::optional<Change> Watch::try_next()
{
    try {
        if (const auto* change = peek()) {
            seen_ = planted("watch.skips-to-the-end") ? core_->revision() : change->revision;
            return *change;
        }
    } catch (const Error&) {
        core_->count_gone();
        throw;
    }
    if (core_->closed()) throw Error{Errc::Unavailable, "the store is closed"};
    return std::nullopt;
}

awaitable<> Watch::ready()
{
    for (;;) {
        bool waits = !core_->closed();
        try {
            waits = waits && !peek();
        } catch (const Error&) {
            waits = false; // try_next() will say it
        }
        if (!waits) co_return;
        co_await changed_.wait();
    }
}

awaitable<Change> Watch::next()
{
    for (;;) {
        if (auto change = try_next()) co_return std::move(*change);
        co_await ready();
    }
}

} // namespace berth
