#include "tests/sim/scheduler.hpp"

#include <algorithm>

namespace berth::sim {

void Lane::run_one(std::mt19937_64& random)
{
    const auto at = order_ == Order::Any ? random() % ready_.size() : 0;
    auto work = std::move(ready_[at]);
    ready_.erase(ready_.begin() + std::ptrdiff_t(at));
    running_ = true;
    work.run();
    running_ = false;
}

void Lane::close()
{
    open_ = false;
    auto dropped = std::move(ready_);
    ready_.clear();
}

Program::Program(Scheduler& scheduler, std::string name) : scheduler_(scheduler), name_(std::move(name))
{
    scheduler_.programs_.push_back(this);
}

Program::~Program()
{
    kill();
    std::erase(scheduler_.programs_, this);
}

void Program::kill()
{
    if (std::exchange(killed_, true)) return;
    for (auto* lane : {&io_, &db_, &work_}) lane->close();
    context_.shutdown();
}

void Program::spawn(awaitable<> work)
{
    asio::co_spawn(io(), std::move(work), [this](std::exception_ptr error) {
        if (error && !scheduler_.failure) scheduler_.failure = error;
    });
}

/// Timers that were cancelled put their coroutines into the lanes.
void Scheduler::poll()
{
    for (auto* program : programs_) {
        if (program->killed_) continue;
        auto& context = program->context_;
        if (context.stopped()) context.restart();
        while (context.poll() > 0) {
        }
    }
}

bool Scheduler::step()
{
    poll();
    std::vector<Lane*> ready;
    for (auto* program : programs_)
        for (auto* lane : {&program->io_, &program->db_, &program->work_})
            if (!lane->empty()) ready.push_back(lane);
    if (ready.empty()) return false;
    ready[below(ready.size())]->run_one(random);
    ++steps;
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    after_step();
    return true;
}

void Scheduler::run_until(Tick end)
{
    while (true) {
        while (step()) {
        }
        const auto next = clock.next();
        if (!next || *next > end) break;
        clock.advance(*next - clock.tick());
    }
    clock.advance(end - clock.tick());
}

} // namespace berth::sim
