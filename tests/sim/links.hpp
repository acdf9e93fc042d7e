#pragma once
// The connections between the programs of a run: to the engine, to berthd, to the reverse proxy. Either end
// of one may vanish at any moment.

#include "api/http/reply.hpp"
#include "controller/base/http_client.hpp"
#include "tests/sim/faults.hpp"

#include <deque>
#include <functional>
#include <memory>

namespace berth::sim {

class World;

/// Bytes on their way from one program to another; owned by both ends.
class Pipe {
public:
    /// False: nobody reads any more.
    bool push(std::string piece);
    void end();
    void cut();
    bool read_by_nobody() const noexcept { return gone_; }

private:
    friend class PipeReader;
    void wake() const;
    std::deque<std::string> pieces_;
    bool ended_ = false;
    bool cut_ = false;
    bool gone_ = false;
    Signal* reader_ = nullptr;
};

class PipeReader final : public BodyStream {
public:
    PipeReader(std::shared_ptr<Pipe> pipe, const Executor& executor, Clock& clock, HttpResponse head,
        std::optional<Duration> idle);
    ~PipeReader() override;
    unsigned status() const override { return head_.status; }
    const Headers& headers() const override { return head_.headers; }

protected:
    awaitable<std::optional<std::string>> receive() override;

private:
    std::shared_ptr<Pipe> pipe_;
    Signal arrived_;
    Clock& clock_;
    HttpResponse head_;
    std::optional<Duration> idle_;
};

/// From a program to the engine. Owned by the program's part of the world.
class DockerLink final : public Transport {
public:
    DockerLink(World& world, Program& caller) : world_(world), caller_(caller) {}
    awaitable<HttpResponse> send(HttpRequest request) override;
    awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest request) override;
    std::string host() const override { return "engine"; }

private:
    World& world_;
    Program& caller_;
};

/// From a program to berthd, with a key.
class ApiLink final : public Transport {
public:
    ApiLink(World& world, Program& caller, std::string key)
        : world_(world),
          caller_(caller),
          key_(std::move(key))
    {}
    awaitable<HttpResponse> send(HttpRequest request) override;
    awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest request) override;
    std::string host() const override { return "berthd"; }

private:
    /// The body goes into the pipe, if there is one.
    awaitable<Reply> call(HttpRequest request, std::shared_ptr<Pipe> pipe);
    World& world_;
    Program& caller_;
    std::string key_;
};

/// From berthd to the reverse proxy: a workspace's page is there while its container runs.
class TraefikLink final : public Transport {
public:
    explicit TraefikLink(World& world) : world_(world) {}
    awaitable<HttpResponse> send(HttpRequest request) override;
    awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest request) override;
    std::string host() const override { return "traefik"; }

private:
    World& world_;
};

} // namespace berth::sim
