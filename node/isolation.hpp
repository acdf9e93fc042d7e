#pragma once
// Keeps a packet filter around every workspace on this node (W33): loads it as soon as a container runs,
// again when the proxies' addresses change, and looks now and then whether it is still there.

#include "api/types/edge.hpp"
#include "node/config.hpp"
#include "node/firewall.hpp"
#include "node/inventory.hpp"
#include "node/world.hpp"

#include <functional>
#include <map>
#include <string>

namespace berth {

/// Lives on the I/O thread; `filters` is the one thread that runs the iptables programs, so that a filter
/// never waits behind somebody's files. Nothing is loaded before the API has told where the proxies are: a
/// restarted agent leaves the filters of running workspaces as they are until then.
class Isolation final : public Walls {
public:
    Isolation(Executor io, Executor filters, Clock& clock, docker::Client& docker, const NodeConfig& config,
        Inventory& inventory);

    void start(TaskGroup& group) override;
    void update(const EdgeNetwork& edge) override;
    void look() override;
    /// One of ours that has just started gets its filter at once.
    void seen(const docker::Event& event) override;
    IsolationState of(const ContainerReport& container) const override;
    const std::vector<std::string>& addresses() const noexcept override { return addresses_; }

private:
    /// One start of a container: another one has another namespace.
    struct Wall {
        std::string uid;
        std::string workspace;
        std::string netns;
        std::string control_folder; ///< what the workspace sees as /run/berth
        std::optional<Time> started;
        Tick known_since{};
        std::optional<FilterText> loaded;
        std::string fingerprint;
        std::string problem;
        int failures = 0;
        Tick due{}; ///< of the next attempt or check
    };
    awaitable<> run();
    awaitable<> facts_loop();
    awaitable<> adopt(std::string container);
    awaitable<> treat(std::string key);
    void add(const LocalParts& parts);
    void rebuild();
    bool needs_load(const Wall& wall) const { return !wall.loaded || !(*wall.loaded == text_); }
    std::optional<std::string> next_due() const;
    Tick earliest() const;
    std::string load(const Wall& wall, const FilterText& text);
    void mark_ready(const Wall& wall) const;

    Clock& clock_;
    Executor filters_;
    docker::Client& docker_;
    const NodeConfig& config_;
    Inventory& inventory_;
    Firewall firewall_; ///< used on `filters_` only
    Signal wake_;
    TaskGroup* group_ = nullptr;
    std::optional<EdgeNetworkStatus> edge_;
    std::optional<std::vector<std::string>> subnets_;
    std::vector<std::string> addresses_;
    FilterText text_;
    bool ready_ = false; ///< text_ says what it should
    std::map<std::string, Wall> walls_;
};

/// The rules' facts from what the API tells, what this node sees and what the operator has set. Pure. What is
/// no address is left out.
FilterFacts filter_facts(const NodeConfig& config, const EdgeNetworkStatus& edge,
    const std::vector<std::string>& subnets, const std::vector<std::string>& addresses,
    const std::vector<std::string>& resolvers);

} // namespace berth
