#pragma once
// Sends reports to berthd: at once when something changed, else every so often if there is anything to tell; changes
// that come faster than they can be sent are merged, and only the newest state ever goes out.

#include "node/api_client.hpp"

#include <functional>
#include <map>
#include <string>

namespace berth {

struct ReportSource {
    /// Makes the present report; it is called when it is about to be sent. `news`: a change was announced, else it is
    /// only time for one. Nothing: none is to be sent now.
    std::function<std::optional<json::object>(bool news)> make;
    /// berthd has the one that was made last.
    std::function<void()> taken = [] {};
};

/// Lives on the I/O thread. Spawn run() in a task group.
class Reporter {
public:
    Reporter(Executor executor, ApiClient& api, Clock& clock, Duration interval);

    void add(std::string target, ReportSource source);
    void remove(const std::string& target);
    /// Something in it changed: send it now.
    void changed(const std::string& target);
    /// Whether a change was not taken by berthd yet.
    bool pending(const std::string& target) const;
    awaitable<> run();

private:
    struct Entry {
        ReportSource source;
        std::uint64_t id = 0; ///< tells it from an earlier one of the same target
        Tick due{};
        int failures = 0;
        std::uint64_t sent = 0;
        std::uint64_t version = 1; ///< counts changes, so that one during a send is not lost
    };
    std::optional<std::string> next_due() const;
    awaitable<> send(std::string target);
    Tick earliest() const;

    ApiClient& api_;
    Clock& clock_;
    Duration interval_;
    Signal wake_;
    std::uint64_t added_ = 0;
    std::map<std::string, Entry> entries_;
};

/// Waits for the signal, but not beyond `until`.
awaitable<> wait_until(Clock& clock, Signal& signal, Tick until);

} // namespace berth
