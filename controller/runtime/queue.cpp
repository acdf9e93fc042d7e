#include "controller/runtime/queue.hpp"

#include "controller/base/planted.hpp"
#include "controller/base/random.hpp"

namespace berth {

namespace {

/// After so many user keys in a row one background key gets its turn.
constexpr std::size_t kUserTurns = 16;

awaitable<> wait_on(Signal& signal) { co_await signal.wait(); }

std::uint32_t seed_of(const BackOff& back_off)
{
    return back_off.seed != 0 ? back_off.seed : random_seed();
}

} // namespace

Duration BackOff::delay(std::uint32_t failures) const
{
    auto delay = std::min(base, cap);
    for (std::uint32_t i = 1; i < failures && delay < cap; ++i) delay = std::min(delay * 2, cap);
    return delay;
}

Queue::Queue(const Executor& executor, Clock& clock, BackOff back_off)
    : clock_(clock),
      back_off_(back_off),
      random_(seed_of(back_off)),
      wake_(executor)
{}

/// Of two wishes the earlier one counts; at the same time, the more urgent one.
Queue::Wish Queue::merge(const Wish& left, const Wish& right)
{
    if (left.due != right.due) return left.due < right.due ? left : right;
    return {left.due, std::min(left.priority, right.priority)};
}

void Queue::add(const Key& key, Priority priority, Duration delay)
{
    if (closed_) return;
    ++adds_;
    const auto now = clock_.tick();
    const Wish wish{now + std::max(delay, Duration{0}), priority};
    const auto [position, fresh] = slots_.try_emplace(key);
    auto& slot = position->second;
    switch (slot.place) {
    case Place::Nowhere:
        put(position, wish);
        break;
    case Place::Running:
        if (planted("queue.forgets-while-it-runs")) break;
        if (planted("queue.key-runs-twice")) return put(position, wish);
        slot.again = slot.again ? merge(*slot.again, wish) : wish;
        break;
    case Place::Delayed:
        if (const auto merged = merge(slot.wish, wish);
            merged.due != slot.wish.due || merged.priority != slot.wish.priority) {
            take_out(position);
            put(position, merged);
        }
        break;
    case Place::Ready:
        // It is due already; only its urgency can still change.
        if (wish.due <= now && priority < slot.wish.priority) {
            const Wish urgent{slot.wish.due, priority};
            take_out(position);
            put(position, urgent);
        }
        break;
    }
}

void Queue::put(Slots::iterator position, Wish wish)
{
    auto& slot = position->second;
    slot.wish = wish;
    slot.order = next_order_++;
    if (wish.due <= clock_.tick()) {
        slot.place = Place::Ready;
        ready_[std::size_t(wish.priority)].emplace(slot.order, position);
        wake_.notify_all();
    } else {
        slot.place = Place::Delayed;
        const auto place = delayed_.emplace(std::pair{wish.due, slot.order}, position).first;
        if (place == delayed_.begin()) wake_.notify_all(); // those who wait sleep until a later time
    }
}

void Queue::take_out(Slots::iterator position)
{
    auto& slot = position->second;
    if (slot.place == Place::Delayed) delayed_.erase({slot.wish.due, slot.order});
    if (slot.place == Place::Ready) ready_[std::size_t(slot.wish.priority)].erase(slot.order);
    slot.place = Place::Nowhere;
}

void Queue::promote_due()
{
    const auto now = clock_.tick();
    while (!delayed_.empty() && delayed_.begin()->first.first <= now) {
        const auto position = delayed_.begin()->second;
        const auto wish = position->second.wish;
        take_out(position);
        put(position, wish);
    }
}

Queue::Slots::iterator Queue::pick()
{
    auto& user = ready_[std::size_t(Priority::User)];
    auto& background = ready_[std::size_t(Priority::Background)];
    const bool turn_of_background = user.empty() || (!background.empty() && user_in_a_row_ >= kUserTurns);
    user_in_a_row_ = turn_of_background ? 0 : user_in_a_row_ + 1;
    auto& from = turn_of_background ? background : user;
    return from.empty() ? slots_.end() : from.begin()->second;
}

std::optional<Queue::Item> Queue::try_next()
{
    if (closed_) return std::nullopt;
    promote_due();
    const auto position = pick();
    if (position == slots_.end()) return std::nullopt;
    take_out(position);
    auto& slot = position->second;
    slot.place = Place::Running;
    ++running_;
    return Item{position->first, slot.wish.priority, clock_.tick() - slot.wish.due, slot.failures};
}

awaitable<std::optional<Queue::Item>> Queue::next()
{
    for (;;) {
        if (closed_) co_return std::nullopt;
        if (auto item = try_next()) co_return item;
        co_await wait_for_work();
    }
}

awaitable<> Queue::wait_for_work()
{
    if (delayed_.empty()) {
        co_await wake_.wait();
        co_return;
    }
    const auto due = delayed_.begin()->first.first;
    auto executor = co_await asio::this_coro::executor;
    co_await asio::experimental::make_parallel_group(asio::co_spawn(executor, wait_on(wake_), asio::deferred),
        asio::co_spawn(executor, clock_.sleep_until(due), asio::deferred))
        .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    co_await detail::throw_if_cancelled();
}

Duration Queue::jittered(Duration delay)
{
    const double part = std::uniform_real_distribution<double>{0, back_off_.jitter}(random_);
    return delay - Duration{Duration::rep(double(delay.count()) * part)};
}

/// When the key is to run again after its run, if at all.
std::optional<Queue::Wish> Queue::wish_after(Slot& slot, Verdict verdict)
{
    const auto now = clock_.tick();
    auto again = std::exchange(slot.again, std::nullopt);
    if (verdict.kind != Verdict::Kind::BackOff) {
        slot.failures = 0;
        if (verdict.kind == Verdict::Kind::Rest) return again;
        const Wish wish{now + std::max(verdict.after, Duration{0}), slot.wish.priority};
        return again ? merge(*again, wish) : wish;
    }
    ++slot.failures;
    ++retries_;
    const Wish wish{now + jittered(back_off_.delay(slot.failures)), slot.wish.priority};
    if (planted("queue.no-back-off")) return Wish{now, slot.wish.priority};
    if (!again) return wish;
    // A failing run may cause the very change that wakes its key: never try again without any pause.
    again->due = std::max(again->due, now + back_off_.delay(1));
    return merge(*again, wish);
}

void Queue::done(const Key& key, Verdict verdict)
{
    const auto position = slots_.find(key);
    if (position == slots_.end() || position->second.place != Place::Running)
        throw Error{Errc::Internal, "queue: " + to_string(key) + " is given back but does not run"};
    --running_;
    position->second.place = Place::Nowhere;
    const auto wish = wish_after(position->second, verdict);
    if (wish && !closed_)
        put(position, *wish);
    else
        slots_.erase(position);
}

void Queue::close()
{
    closed_ = true;
    delayed_.clear();
    for (auto& ready : ready_) ready.clear();
    std::erase_if(slots_, [](const auto& slot) { return slot.second.place != Place::Running; });
    wake_.notify_all();
}

} // namespace berth
