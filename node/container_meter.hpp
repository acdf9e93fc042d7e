#pragma once
// Measures what the containers of a node use without asking the engine once for each of them, which would
// take it more than anything else that the agent wants from it.

#include "docker/client.hpp"
#include "node/world.hpp"

namespace berth {

/// Owned by NodeAgent, shared by all its workspaces; I/O thread. What it refers to outlives it.
class ContainerMeter {
public:
    ContainerMeter(NodeWorld& world, docker::Client& docker, Clock& clock)
        : world_(world),
          docker_(docker),
          clock_(clock)
    {}

    /// From the kernel; where that can't be read, from the engine, which is asked for one container in 3
    /// seconds: then it may take a while, as everybody waits for a turn. Throws Error.
    awaitable<docker::ContainerStats> measure(std::string id, std::int64_t pid, std::string netns);

private:
    void note(const std::string& problem);

    NodeWorld& world_;
    docker::Client& docker_;
    Clock& clock_;
    Tick next_turn_{};
    int failures_ = 0; ///< in a row, of the kernel's files
};

} // namespace berth
