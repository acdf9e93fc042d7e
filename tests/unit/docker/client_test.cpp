#include "docker/client.hpp"

#include "tests/fakes/fake_clock.hpp"
#include "tests/fakes/fake_engine.hpp"
#include "tests/fakes/run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::docker {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class ClientTest : public testing::Test {
protected:
    template <class T>
    T call(awaitable<T> work)
    {
        return run_to_end(io_, std::move(work));
    }
    template <class T>
    Errc failure(awaitable<T> work)
    {
        try {
            run_to_end(io_, std::move(work));
            ADD_FAILURE() << "it succeeded";
        } catch (const Error& error) {
            message_ = error.what();
            return error.code();
        }
        return Errc::Quota;
    }
    static ServiceSpec spec(const std::string& name)
    {
        ServiceSpec spec;
        spec.Name = name;
        spec.TaskTemplate.ContainerSpec.Image = "image";
        return spec;
    }
    ClientOptions options()
    {
        ClientOptions options;
        options.observer = [this](const CallRecord& record) {
            records_.push_back(std::string(record.call) + " " + std::string(record.code));
        };
        return options;
    }

    asio::io_context io_;
    FakeClock clock_;
    FakeEngine engine_{io_.get_executor(), clock_};
    Client client_{engine_, clock_, options()};
    std::vector<std::string> records_;
    std::string message_;
};

TEST_F(ClientTest, NegotiatesOnceAndReportsEveryCall)
{
    const auto id = call(client_.create_service(spec("a")));
    EXPECT_TRUE(call(client_.find_service(id)));
    EXPECT_FALSE(call(client_.find_service("b")));
    EXPECT_EQ(client_.api_version(), "1.41");
    EXPECT_THAT(records_, ElementsAre("ping 200", "service_create 201", "service_inspect 200", "service_inspect 404"));
}

TEST(Client, RefusesAnEngineThatIsTooOld)
{
    asio::io_context io;
    FakeClock clock;
    FakeEngine engine{io.get_executor(), clock, {.api_version = "1.39"}};
    Client client{engine, clock};
    try {
        run_to_end(io, client.list_services());
        FAIL() << "it was accepted";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("too old"));
        EXPECT_THAT(error.what(), testing::HasSubstr("1.39"));
    }
    EXPECT_EQ(engine.calls("GET /services"), 0u);
}

TEST_F(ClientTest, OutcomesCanBeToldApart)
{
    call(client_.negotiate());
    engine_.inject({.kind = Fault::Kind::Refuse, .call = "POST /services/create"});
    EXPECT_EQ(failure(client_.create_service(spec("a"))), Errc::Unavailable);
    EXPECT_TRUE(engine_.services().empty());

    engine_.inject({.kind = Fault::Kind::LostReply, .call = "POST /services/create"});
    EXPECT_EQ(failure(client_.create_service(spec("a"))), Errc::Timeout);
    EXPECT_EQ(engine_.services().size(), 1u) << "unknown can mean done";
    EXPECT_EQ(failure(client_.create_service(spec("a"))), Errc::Exists);

    engine_.inject({.kind = Fault::Kind::StatusBefore, .call = "POST /services/create", .status = 503});
    EXPECT_EQ(failure(client_.create_service(spec("b"))), Errc::Unavailable);
    engine_.inject({.kind = Fault::Kind::StatusAfter, .call = "POST /services/create", .status = 500});
    EXPECT_EQ(failure(client_.create_service(spec("c"))), Errc::Internal);
    EXPECT_EQ(engine_.services().size(), 2u);
    EXPECT_THAT(records_, testing::Contains("service_create <error>"));
}

TEST_F(ClientTest, AHangingCallEndsAtItsDeadline)
{
    call(client_.negotiate());
    engine_.inject({.kind = Fault::Kind::Hang, .call = "GET /info"});
    bool done = false;
    struct Call {
        static awaitable<> run(Client& client, bool& done)
        {
            try {
                co_await client.info();
            } catch (const Error& error) {
                done = error.code() == Errc::Timeout;
            }
        }
    };
    TaskGroup group{io_.get_executor()};
    group.spawn("info", Call::run(client_, done));
    clock_.run(io_, 19s);
    EXPECT_FALSE(done);
    clock_.run(io_, 1s);
    EXPECT_TRUE(done);
}

TEST_F(ClientTest, ARefusedStreamIsAnError)
{
    LogOptions logs;
    EXPECT_EQ(failure(client_.container_logs("nothing", logs)), Errc::NotFound);
    engine_.inject({.kind = Fault::Kind::StatusBefore, .call = "GET /events", .status = 503});
    EXPECT_EQ(failure(client_.events({})), Errc::Unavailable);
}

TEST_F(ClientTest, ABrokenReplyIsInternal)
{
    engine_.inject({.kind = Fault::Kind::EmptyList, .call = "GET /info"});
    EXPECT_EQ(failure(client_.info()), Errc::Internal);
    EXPECT_THAT(message_, testing::HasSubstr("docker info"));
}

TEST_F(ClientTest, StaleListsShowThePast)
{
    call(client_.create_service(spec("a")));
    EXPECT_EQ(call(client_.list_services()).size(), 1u);
    call(client_.remove_service("a"));
    engine_.inject({.kind = Fault::Kind::StaleList, .call = "GET /services"});
    EXPECT_EQ(call(client_.list_services()).size(), 1u);
    EXPECT_EQ(call(client_.list_services()).size(), 0u);
}

} // namespace
} // namespace berth::docker
