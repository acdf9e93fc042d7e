#pragma once
// The two engines that the contract is held against.

#include "docker/client.hpp"
#include "docker/events.hpp"
#include "tests/fakes/fake_engine.hpp"
#include "tests/fakes/run.hpp"

#include <memory>
#include <string>

namespace berth::docker {

/// A manager's engine, a client for it, and what a test needs around them.
class EngineSide {
public:
    virtual ~EngineSide() = default;
    virtual Client& client() = 0;
    /// An image that has `sleep` and `sh`.
    virtual std::string image() = 0;
    /// Why there is nothing to test; empty when there is.
    virtual std::string missing() const { return ""; }
    /// The output that a container would write: the fake has to be told.
    virtual void expect_output(const std::string& container, std::vector<std::pair<int, std::string>> chunks) = 0;

    asio::io_context io;
    SystemClock clock;
};

class FakeSide final : public EngineSide {
public:
    Client& client() override { return client_; }
    std::string image() override { return "image"; }
    void expect_output(const std::string& container, std::vector<std::pair<int, std::string>> chunks) override
    {
        engine_.set_logs(container, std::move(chunks));
    }

private:
    FakeEngine engine_{io.get_executor(), clock,
        {.start_after = std::chrono::milliseconds{50}, .stop_after = std::chrono::milliseconds{50}}};
    Client client_{engine_, clock};
};

/// The engine at BERTH_TEST_DOCKER_HOST, a Swarm manager of the tests' own. Its image is BERTH_TEST_IMAGE, or one
/// tagged berth/base.
class RealSide final : public EngineSide {
public:
    RealSide();
    Client& client() override { return *client_; }
    std::string image() override;
    std::string missing() const override;
    void expect_output(const std::string&, std::vector<std::pair<int, std::string>>) override {}

private:
    std::unique_ptr<HttpClient> http_;
    std::unique_ptr<Client> client_;
};

} // namespace berth::docker
