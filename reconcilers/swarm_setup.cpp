#include "reconcilers/swarm_setup.hpp"

#include "controller/base/log.hpp"

namespace berth {

namespace {

awaitable<> init_swarm(docker::Client& docker, std::string advertise)
{
    docker::SwarmInit request;
    request.ListenAddr = "0.0.0.0:2377";
    request.AdvertiseAddr = std::move(advertise);
    std::optional<Error> failure;
    try {
        const auto node = co_await docker.swarm_init(std::move(request));
        log::info("initialised a Swarm", {{"node", node}});
    } catch (const Error& error) {
        failure = error;
    }
    if (!failure) co_return;
    if (failure->code() == Errc::Timeout) {
        // Unknown outcome: what counts is whether it is there now.
        const auto info = co_await docker.info();
        if (info.Swarm.LocalNodeState == "active") co_return;
    }
    throw Error{
        failure->code(), "the Swarm can't be initialised (DOCKER_SWARM_ADVERTISE_ADDR names the address): " +
                             std::string(failure->what())};
}

awaitable<> ensure_member(docker::Client& docker, std::string advertise)
{
    const auto info = co_await docker.info();
    const auto& swarm = info.Swarm;
    if (swarm.LocalNodeState == "active" && swarm.ControlAvailable) co_return;
    if (swarm.LocalNodeState == "active")
        throw Error{
            Errc::Invalid, "this engine is a worker of its Swarm: Berth's controller needs a manager"};
    if (swarm.LocalNodeState == "inactive" || swarm.LocalNodeState.empty())
        co_return co_await init_swarm(docker, std::move(advertise));
    throw Error{swarm.LocalNodeState == "pending" ? Errc::Unavailable : Errc::Invalid,
        "the engine's Swarm is " + swarm.LocalNodeState + (swarm.Error.empty() ? "" : ": " + swarm.Error)};
}

awaitable<> ensure_edge_network(docker::Client& docker, SwarmSettings settings)
{
    const auto network = co_await docker.find_network(settings.edge_network);
    // An overlay has no driver for a moment, until the manager has allocated what was just made.
    if (network && !network->Driver.empty() && network->Driver != "overlay")
        throw Error{Errc::Invalid,
            "the network " + settings.edge_network + " exists and is no overlay (EDGE_NETWORK)"};
    if (network) co_return;
    bool raced = false;
    try {
        co_await docker.create_network(desired_edge_network(settings));
    } catch (const Error& error) {
        raced = error.code() == Errc::Exists || error.code() == Errc::Conflict;
        if (!raced) throw;
    }
    if (!raced)
        log::info(
            "made the edge network", {{"network", settings.edge_network}, {"subnet", settings.edge_subnet}});
}

} // namespace

docker::NetworkCreate desired_edge_network(const SwarmSettings& settings)
{
    docker::NetworkCreate network;
    network.Name = settings.edge_network;
    network.Driver = "overlay";
    network.Attachable = true;
    network.IPAM.emplace().Config.push_back({settings.edge_subnet, "", ""});
    network.Labels = {{std::string(kInstallLabel), settings.install_id}};
    return network;
}

awaitable<> ensure_swarm(docker::Client& docker, SwarmSettings settings)
{
    co_await ensure_member(docker, settings.advertise_address);
    co_await ensure_edge_network(docker, std::move(settings));
}

} // namespace berth
