#include "tests/contract/s3/storage_side.hpp"

#include "api/types/s3_address.hpp"
#include "controller/base/random.hpp"

#include <cstdlib>

namespace berth {

namespace {

std::string setting(const char* name)
{
    const char* value = std::getenv(name);
    return value ? value : "";
}

} // namespace

ServerSide::ServerSide()
{
    source_.endpoint = setting("BERTH_TEST_S3");
    if (source_.endpoint.empty()) return;
    source_.bucket = "contract";
    source_.prefix = "p-" + random_text(10);
    source_.accessKeyId = setting("BERTH_TEST_S3_KEY");
    source_.secretAccessKey = Secret{setting("BERTH_TEST_S3_SECRET")};
    client_ = std::make_unique<S3Client>(clock);
    std::filesystem::create_directory(folder / "rclone");
    std::filesystem::permissions(folder / "rclone", std::filesystem::perms::owner_all);
    const auto program = setting("BERTH_TEST_RCLONE");
    rclone_ = std::make_unique<Rclone>(io.get_executor(), clock,
        RcloneOptions{.program = program.empty() ? "rclone" : program, .folder = folder / "rclone"});
    servers_ = std::make_unique<S3Servers>(io.get_executor());
    store_ = std::make_unique<S3Store>(*client_, *rclone_, *servers_, source_);
    group_.spawn("rclone", rclone_->run());
}

ServerSide::~ServerSide()
{
    group_.cancel();
    run_to_end(io, group_.join());
}

std::string ServerSide::missing() const
{
    return store_ ? "" : "BERTH_TEST_S3 is not set: there is no server to hold the contract against";
}

std::string ServerSide::url(const std::string& key, std::map<std::string, std::string> query) const
{
    return s3::url_of(source_, source_.prefix + "/" + key, query);
}

S3Answer ServerSide::send(S3Call call)
{
    std::vector<S3Call> calls;
    calls.push_back(std::move(call));
    const S3Keys keys{source_.accessKeyId, source_.secretAccessKey.reveal(), source_.region};
    auto answer = run_to_end(io, client_->send(std::move(calls), keys)).front();
    if (!answer.ok())
        throw std::runtime_error(std::to_string(answer.status) + " " + answer.problem + " " + answer.body);
    return answer;
}

void ServerSide::foreign_put(const std::string& key, const std::string& text)
{
    send({.method = "PUT", .url = url(key), .body = text});
}

void ServerSide::foreign_put_in_parts(const std::string& key, const std::vector<std::string>& parts)
{
    // The client knows no POST with a body, rclone does all of this.
    std::string whole;
    for (const auto& part : parts) whole += part;
    const auto file = folder / "in-parts";
    write_text(file, whole);
    json::object remote{{"type", "s3"}, {"provider", "Other"}, {"_root", source_.bucket + "/"},
        {"access_key_id", source_.accessKeyId}, {"secret_access_key", source_.secretAccessKey.reveal()},
        {"endpoint", source_.endpoint}, {"force_path_style", "true"}, {"no_check_bucket", "true"},
        {"upload_cutoff", "0"}, {"chunk_size", std::to_string(parts.front().size()) + "B"},
        {"encoding", "Raw"}};
    json::object parameters{{"srcFs", json::object{{"type", "local"}, {"_root", folder.path()}}},
        {"srcRemote", "in-parts"}, {"dstFs", std::move(remote)}, {"dstRemote", source_.prefix + "/" + key}};
    large_ready();
    run_to_end(io, rclone_->call("operations/copyfile", std::move(parameters), std::chrono::seconds{20}));
}

void ServerSide::large_ready()
{
    for (const auto end = clock.tick() + std::chrono::seconds{20};;) {
        try {
            run_to_end(io, rclone_->call("core/version", {}, std::chrono::seconds{20}));
            return;
        } catch (const Error&) { // it is starting
            if (clock.tick() > end) throw;
            run_to_end(io, clock.sleep(std::chrono::milliseconds{50}));
        }
    }
}

} // namespace berth
