#include "tests/sim/links.hpp"

#include "tests/sim/world.hpp"

namespace berth::sim {

namespace {

constexpr Duration kDefaultDeadline = std::chrono::seconds{30};

[[noreturn]] void lost(const std::string& what)
{
    throw Error{Errc::Timeout, what + ": the connection broke; whether it was done is not known"};
}

std::string name_of(const HttpRequest& request)
{
    return request.method + " " + request.target.substr(0, request.target.find('?'));
}

/// With what it makes, for a reader of the trace.
std::string told(const std::string& what, const HttpRequest& request)
{
    const std::string_view body = request.body;
    const auto at = body.find("\"Name\":\"");
    if (request.method != "POST" || at == std::string_view::npos) return what;
    const auto name = body.substr(at + 8);
    return what + " " + std::string(name.substr(0, name.find('"')));
}

/// An answer that is waited for in another program. What belongs to berthd stays there: a producer is never
/// in it.
struct Exchange {
    std::optional<Reply> reply;
    bool broken = false;
    Signal* caller = nullptr;
    void tell()
    {
        if (caller) caller->notify_all();
    }
};

/// Breaks the exchange when the program that should answer vanishes.
struct Answering {
    std::shared_ptr<Exchange> exchange;
    explicit Answering(std::shared_ptr<Exchange> its) : exchange(std::move(its)) {}
    Answering(const Answering&) = delete;
    ~Answering()
    {
        exchange->broken = !exchange->reply;
        exchange->tell();
    }
};

/// The producer's end of a streaming reply.
class PipeStream final : public Stream {
public:
    explicit PipeStream(std::shared_ptr<Pipe> pipe) : pipe_(std::move(pipe)) {}
    awaitable<> write(std::string piece) override
    {
        if (!pipe_->push(std::move(piece))) throw Error{Errc::Unavailable, "the client is gone"};
        co_return;
    }
    bool busy() const noexcept override { return false; }

private:
    std::shared_ptr<Pipe> pipe_;
};

/// Cuts the pipe when its writer ends or vanishes.
struct PipeEnd {
    std::shared_ptr<Pipe> pipe;
    explicit PipeEnd(std::shared_ptr<Pipe> its) : pipe(std::move(its)) {}
    PipeEnd(const PipeEnd&) = delete;
    ~PipeEnd() { pipe->cut(); }
};

awaitable<> produce(Producer producer, std::shared_ptr<Pipe> pipe)
{
    const PipeEnd end(pipe);
    PipeStream stream(pipe);
    try {
        co_await producer(stream);
        pipe->end();
    } catch (const Error&) { // the reader is gone
    }
}

/// Runs in berthd.
awaitable<> answer(
    World* world, HttpRequest request, std::shared_ptr<Exchange> exchange, std::shared_ptr<Pipe> pipe)
{
    Producer producer;
    {
        const Answering answering(exchange);
        auto reply = co_await world->serve(std::move(request));
        producer = std::exchange(reply.stream, nullptr);
        exchange->reply = std::move(reply);
    }
    if (!pipe) co_return;
    if (producer) co_return co_await produce(std::move(producer), std::move(pipe));
    pipe->push(exchange->reply->body);
    pipe->end();
}

awaitable<> pump(std::shared_ptr<BodyStream> from, std::shared_ptr<Pipe> to, World* world)
{
    const PipeEnd end(to);
    while (true) {
        std::optional<std::string> piece;
        try {
            piece = co_await from->read_some();
        } catch (const Error&) {
            co_return;
        }
        if (!piece) {
            to->end();
            co_return;
        }
        if (world->faults.strikes("events", "lost on its way")) continue;
        if (to->read_by_nobody() || !to->push(std::move(*piece))) co_return;
    }
}

} // namespace

bool Pipe::push(std::string piece)
{
    if (gone_) return false;
    pieces_.push_back(std::move(piece));
    wake();
    return true;
}

void Pipe::end()
{
    ended_ = true;
    wake();
}

void Pipe::cut()
{
    cut_ = !ended_;
    wake();
}

void Pipe::wake() const
{
    if (reader_) reader_->notify_all();
}

PipeReader::PipeReader(std::shared_ptr<Pipe> pipe, const Executor& executor, Clock& clock, HttpResponse head,
    std::optional<Duration> idle)
    : pipe_(std::move(pipe)),
      arrived_(executor),
      clock_(clock),
      head_(std::move(head)),
      idle_(idle)
{
    pipe_->reader_ = &arrived_;
}

PipeReader::~PipeReader()
{
    pipe_->reader_ = nullptr;
    pipe_->gone_ = true;
}

awaitable<std::optional<std::string>> PipeReader::receive()
{
    while (pipe_->pieces_.empty()) {
        if (pipe_->cut_) throw Error{Errc::Timeout, "the connection broke"};
        if (pipe_->ended_) co_return std::nullopt;
        if (idle_)
            co_await with_timeout(clock_, *idle_, arrived_.wait(), "the next piece");
        else
            co_await arrived_.wait();
    }
    auto piece = std::move(pipe_->pieces_.front());
    pipe_->pieces_.pop_front();
    co_return piece;
}

awaitable<HttpResponse> DockerLink::send(HttpRequest request)
{
    const auto what = caller_.name() + " docker " + name_of(request);
    const auto fault = world_.faults.draw("docker");
    world_.called(what);
    const auto deadline = request.deadline.value_or(kDefaultDeadline);
    co_await world_.clock().sleep(world_.faults.latency());
    if (fault != CallFault::None) world_.note(what + " fault " + std::to_string(int(fault)));
    if (fault == CallFault::Refused || !world_.engine_up) throw Error{Errc::Unavailable, what + ": refused"};
    if (fault == CallFault::Hang) {
        co_await world_.clock().sleep(deadline);
        lost(what);
    }
    if (fault == CallFault::ErrorBefore) co_return HttpResponse{500, {}, R"({"message":"injected"})"};
    const bool reads = request.method == "GET";
    std::uint64_t effect = 0;
    if (!reads) effect = co_await world_.effects.before(caller_.name(), "docker " + name_of(request));
    const auto list = Views::is_list(request) ? caller_.name() + " " + request.target : "";
    const auto line = told(what, request);
    auto response = co_await world_.engine.send(std::move(request));
    if (!list.empty()) world_.look_back(list, what, response);
    if (!reads) world_.note(line + " -> " + std::to_string(response.status));
    world_.engine_touched();
    if (!reads) co_await world_.effects.after(caller_.name(), effect);
    if (fault == CallFault::ErrorAfter) co_return HttpResponse{500, {}, R"({"message":"injected"})"};
    if (fault == CallFault::HangAfter) co_await world_.clock().sleep(deadline);
    if (fault == CallFault::LostAfter || fault == CallFault::HangAfter) lost(what);
    co_await world_.clock().sleep(world_.faults.latency());
    co_return response;
}

awaitable<std::unique_ptr<BodyStream>> DockerLink::stream(HttpRequest request)
{
    co_await world_.clock().sleep(world_.faults.latency());
    if (!world_.engine_up || world_.faults.draw("docker") != CallFault::None)
        throw Error{Errc::Unavailable, "stream refused"};
    const auto idle = request.idle;
    std::shared_ptr<BodyStream> source = co_await world_.engine.stream(std::move(request));
    auto pipe = std::make_shared<Pipe>();
    HttpResponse head{source->status(), source->headers(), ""};
    world_.outside.spawn(pump(source, pipe, &world_));
    co_return std::make_unique<PipeReader>(pipe, caller_.io(), world_.clock(), std::move(head), idle);
}

awaitable<Reply> ApiLink::call(HttpRequest request, std::shared_ptr<Pipe> pipe)
{
    const auto what = caller_.name() + " api " + name_of(request);
    const auto fault = world_.faults.draw("api");
    world_.called(what);
    const auto deadline = request.deadline.value_or(kDefaultDeadline);
    co_await world_.clock().sleep(world_.faults.latency());
    const bool tells = caller_.name() == "node" && request.method != "GET";
    std::uint64_t effect = 0;
    if (tells) effect = co_await world_.effects.before(caller_.name(), "api " + name_of(request));
    if (fault == CallFault::Refused || fault == CallFault::ErrorBefore || !world_.serving())
        throw Error{Errc::Unavailable, what + ": refused"};
    if (fault == CallFault::Hang) {
        co_await world_.clock().sleep(deadline);
        lost(what);
    }
    request.headers.set("Authorization", "Bearer " + key_);
    auto exchange = std::make_shared<Exchange>();
    Signal answered(caller_.io());
    exchange->caller = &answered;
    const auto forget = [](Exchange* one) { one->caller = nullptr; };
    const std::unique_ptr<Exchange, decltype(forget)> guard(exchange.get(), forget);
    asio::co_spawn(world_.controller_io(), answer(&world_, std::move(request), exchange, std::move(pipe)),
        [](std::exception_ptr) {});
    const auto end = world_.clock().tick() + deadline;
    while (!exchange->reply && !exchange->broken) {
        if (world_.clock().tick() >= end) lost(what);
        co_await with_timeout(world_.clock(), end - world_.clock().tick(), answered.wait(), what);
    }
    if (exchange->broken) lost(what);
    world_.note(what + " -> " + std::to_string(exchange->reply->status));
    if (tells) co_await world_.effects.after(caller_.name(), effect);
    if (fault != CallFault::None) lost(what);
    co_await world_.clock().sleep(world_.faults.latency());
    co_return *exchange->reply;
}

awaitable<HttpResponse> ApiLink::send(HttpRequest request)
{
    auto reply = co_await call(std::move(request), nullptr);
    HttpResponse response{reply.status, {}, std::move(reply.body)};
    for (auto& [name, value] : reply.headers) response.headers.add(name, value);
    co_return response;
}

awaitable<std::unique_ptr<BodyStream>> ApiLink::stream(HttpRequest request)
{
    const auto idle = request.idle;
    auto pipe = std::make_shared<Pipe>();
    const auto reply = co_await call(std::move(request), pipe);
    HttpResponse head{reply.status, {}, ""};
    co_return std::make_unique<PipeReader>(pipe, caller_.io(), world_.clock(), std::move(head), idle);
}

awaitable<HttpResponse> TraefikLink::send(HttpRequest request)
{
    co_await world_.clock().sleep(world_.faults.latency());
    if (world_.faults.strikes("traefik", "refused")) throw Error{Errc::Unavailable, "traefik: refused"};
    const std::string host(request.headers.get("Host"));
    for (const auto& container : world_.engine.containers()) {
        const auto name = container.Config.Labels.find(std::string(kNameLabel));
        if (name == container.Config.Labels.end() || host.find(name->second) == std::string::npos) continue;
        if (container.State.Running) co_return HttpResponse{200, {}, "ok"};
    }
    co_return HttpResponse{502, {}, ""};
}

awaitable<std::unique_ptr<BodyStream>> TraefikLink::stream(HttpRequest)
{
    throw Error{Errc::Unavailable, "traefik: nothing to stream"};
    co_return nullptr;
}

} // namespace berth::sim
