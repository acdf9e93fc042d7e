#pragma once
// Handlers that answer, fail, wait and pour, behind a server of the test.

#include "tests/unit/http/http_fixture.hpp"

namespace berth::test {
inline Doc open_doc()
{
    Doc doc;
    doc.summary = "A test";
    doc.open = true;
    return doc;
}

/// What the handlers of these tests share.
struct World {
    asio::io_context& io;
    Clock& clock;
    Signal go{io.get_executor()};
    bool open = false;
    int cancelled = 0;
    int writes = 0;

    awaitable<Reply> echo(Call call) { co_return Reply::text(200, call.body); }
    awaitable<Reply> fail(Call call)
    {
        const auto how = call.query("how").value_or("");
        if (how == "internal") throw Error{Errc::Internal, "the password is 1234"};
        if (how == "std") throw std::runtime_error("the password is 1234");
        if (how == "quota") throw Error{Errc::Quota, "enough"};
        if (how == "named") throw Error{Errc::NotFound, "no such container"}.as("CONTAINER_NOT_FOUND");
        if (how == "gone") throw Error{Errc::Gone, "too old"};
        if (how == "timeout") throw Error{Errc::Timeout, "late"};
        if (how == "conflict") throw Error{Errc::Conflict, "changed"};
        if (how == "direct") throw HttpError{422, "ODD", "odd", {{"X-Odd", "1"}}};
        co_return Reply::empty();
    }
    awaitable<Reply> big(Call)
    {
        co_return Reply::text(200, std::string(200'000, 'x')).with("ETag", "\"7\"");
    }
    awaitable<Reply> wait(Call)
    {
        struct Guard {
            World& world;
            ~Guard() { world.cancelled += world.open ? 0 : 1; }
        } guard{*this};
        while (!open) co_await go.wait();
        co_return Reply::text(200, "went");
    }
    awaitable<> pour(Stream& out)
    {
        struct Guard {
            World& world;
            ~Guard() { ++world.cancelled; }
        } guard{*this};
        for (;;) {
            co_await out.write(std::string(100'000, 'y'));
            ++writes;
            if (!open) co_await go.wait();
        }
    }
    awaitable<Reply> stream(Call)
    {
        co_return Reply::streaming("text/plain", [this](Stream& out) { return pour(out); });
    }
    awaitable<Reply> remember(Call call)
    {
        auto& count = call.connection->memory["count"];
        count += "x";
        co_return Reply::text(200, count);
    }
};

class ServerTest : public HttpTest {
protected:
    ServerTest() : world{io, clock}
    {
        router.get("/hello", open_doc(), &World::echo, &world);
        auto small = open_doc();
        small.max_body = 1000;
        small.accepts = {"text/plain", "application/json"};
        router.post<void>("/echo", small, &World::echo, &world);
        auto failing = open_doc();
        failing.query = {Param::text("how", "")};
        router.get("/fail", failing, &World::fail, &world);
        router.get("/big", open_doc(), &World::big, &world);
        auto waiting = open_doc();
        router.get("/slow", waiting, &World::wait, &world);
        waiting.long_poll = true;
        router.get("/poll", waiting, &World::wait, &world);
        router.get("/stream", open_doc(), &World::stream, &world);
        router.get("/remember", open_doc(), &World::remember, &world);
        for (const auto& [path, roles] :
            std::map<std::string, Roles>{{"/admins", kAdmins}, {"/users", kUsers}}) {
            Doc doc;
            doc.summary = "Only for some";
            doc.roles = roles;
            router.get(path, doc, &World::echo, &world);
        }
    }
    void release()
    {
        world.open = true;
        world.go.notify_all();
    }
    World world;
};

} // namespace berth::test
