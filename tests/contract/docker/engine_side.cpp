#include "tests/contract/docker/engine_side.hpp"

#include <cstdlib>

namespace berth::docker {

RealSide::RealSide()
{
    const char* host = std::getenv("BERTH_TEST_DOCKER_HOST");
    if (!host || !*host) return;
    http_ = std::make_unique<HttpClient>(io.get_executor(), clock, Endpoint::parse(host));
    client_ = std::make_unique<Client>(*http_, clock);
}

std::string RealSide::missing() const
{
    return client_ ? "" : "BERTH_TEST_DOCKER_HOST is not set: there is no real engine to hold the contract against";
}

std::string RealSide::image()
{
    if (const char* image = std::getenv("BERTH_TEST_IMAGE"); image && *image) return image;
    Filters filters;
    filters["reference"] = {"berth/base"};
    for (const auto& summary : run_to_end(io, client_->list_images(filters)))
        if (!summary.RepoTags.empty()) return summary.RepoTags.front();
    throw std::runtime_error("the engine has no image berth/base; set BERTH_TEST_IMAGE");
}

} // namespace berth::docker
