// Calls about what one engine holds: containers, exec, volumes, images.
#include "docker/call.hpp"

namespace berth::docker {

namespace {

const char* flag(bool value) { return value ? "1" : ""; }

std::string log_query(const LogOptions& options)
{
    return query({{"follow", flag(options.follow)}, {"stdout", flag(options.with_stdout)},
        {"stderr", flag(options.with_stderr)}, {"timestamps", flag(options.timestamps)}, {"since", options.since},
        {"tail", options.tail}});
}

/// The engine lists volumes inside an object, next to warnings.
struct VolumeList {
    std::vector<Volume> Volumes;
};
BOOST_DESCRIBE_STRUCT(VolumeList, (), (Volumes))

struct WaitReply {
    std::int64_t StatusCode = 0;
    static constexpr std::array required{"StatusCode"};
};
BOOST_DESCRIBE_STRUCT(WaitReply, (), (StatusCode))

struct IdReply {
    std::string Id;
    static constexpr std::array required{"Id"};
};
BOOST_DESCRIBE_STRUCT(IdReply, (), (Id))

} // namespace

awaitable<std::vector<ContainerSummary>> Client::list_containers(Filters filters, bool all)
{
    Call call{"container_list", "GET", "/containers/json" + query({{"all", flag(all)}, {"filters", filters_text(filters)}})};
    co_return co_await list<ContainerSummary>(std::move(call));
}

awaitable<std::optional<Container>> Client::inspect_container(std::string id)
{
    Call call{"container_inspect", "GET", "/containers/" + url_encode(id) + "/json"};
    co_return co_await find_as<Container>(std::move(call));
}

awaitable<std::string> Client::create_container(std::string name, ContainerCreate request)
{
    Call call{"container_create", "POST", "/containers/create" + query({{"name", name}}), request_body(request)};
    co_return co_await created(std::move(call), "Id");
}

awaitable<> Client::start_container(std::string id)
{
    Call call{"container_start", "POST", "/containers/" + url_encode(id) + "/start"};
    co_await perform(std::move(call)); // 304: it runs already
}

awaitable<> Client::stop_container(std::string id, Duration grace)
{
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(grace);
    Call call{"container_stop", "POST", "/containers/" + url_encode(id) + "/stop?t=" + std::to_string(seconds.count())};
    call.deadline = options_.deadline + grace; // the engine answers when it has stopped
    co_await forget(std::move(call));
}

awaitable<> Client::kill_container(std::string id, std::string signal)
{
    Call call{"container_kill", "POST", "/containers/" + url_encode(id) + "/kill" + query({{"signal", signal}})};
    co_await perform(std::move(call));
}

awaitable<> Client::remove_container(std::string id, bool force)
{
    Call call{"container_remove", "DELETE", "/containers/" + url_encode(id) + query({{"force", flag(force)}})};
    co_await forget(std::move(call));
}

awaitable<std::int64_t> Client::wait_container(std::string id, Duration limit)
{
    Call call{"container_wait", "POST", "/containers/" + url_encode(id) + "/wait"};
    call.deadline = limit;
    co_return decode_reply<WaitReply>("container_wait", co_await get(std::move(call))).StatusCode;
}

awaitable<ContainerStats> Client::container_stats(std::string id)
{
    Call call{"container_stats", "GET", "/containers/" + url_encode(id) + "/stats?stream=0&one-shot=1"};
    co_return decode_reply<ContainerStats>("container_stats", co_await get(std::move(call)));
}

awaitable<LogStream> Client::container_logs(std::string id, LogOptions options, bool tty)
{
    Call call{"container_logs", "GET", "/containers/" + url_encode(id) + "/logs" + log_query(options)};
    co_return LogStream{co_await open_stream(std::move(call)), !tty};
}

awaitable<LogStream> Client::service_logs(std::string id, LogOptions options)
{
    Call call{"service_logs", "GET", "/services/" + url_encode(id) + "/logs" + log_query(options)};
    co_return LogStream{co_await open_stream(std::move(call)), true};
}

awaitable<std::string> Client::create_exec(std::string container, ExecCreate request)
{
    Call call{"exec_create", "POST", "/containers/" + url_encode(container) + "/exec", request_body(request)};
    const auto reply = co_await get(std::move(call)); // 409 means here: the container does not run
    co_return decode_reply<IdReply>("exec_create", reply).Id;
}

awaitable<LogStream> Client::start_exec(std::string exec, bool tty)
{
    json::object request{{"Detach", false}, {"Tty", tty}};
    Call call{"exec_start", "POST", "/exec/" + url_encode(exec) + "/start", json::serialize(request)};
    co_return LogStream{co_await open_stream(std::move(call)), !tty};
}

awaitable<ExecState> Client::inspect_exec(std::string exec)
{
    Call call{"exec_inspect", "GET", "/exec/" + url_encode(exec) + "/json"};
    co_return decode_reply<ExecState>("exec_inspect", co_await get(std::move(call)));
}

awaitable<std::vector<Volume>> Client::list_volumes(Filters filters)
{
    Call call{"volume_list", "GET", "/volumes" + query({{"filters", filters_text(filters)}})};
    co_return decode_reply<VolumeList>("volume_list", co_await get(std::move(call))).Volumes;
}

awaitable<std::optional<Volume>> Client::inspect_volume(std::string name)
{
    Call call{"volume_inspect", "GET", "/volumes/" + url_encode(name)};
    co_return co_await find_as<Volume>(std::move(call));
}

awaitable<Volume> Client::create_volume(VolumeCreate request)
{
    Call call{"volume_create", "POST", "/volumes/create", request_body(request)};
    co_return decode_reply<Volume>("volume_create", co_await get(std::move(call)));
}

awaitable<> Client::remove_volume(std::string name, bool force)
{
    Call call{"volume_remove", "DELETE", "/volumes/" + url_encode(name) + query({{"force", flag(force)}})};
    co_await forget(std::move(call));
}

awaitable<std::vector<ImageSummary>> Client::list_images(Filters filters)
{
    Call call{"image_list", "GET", "/images/json" + query({{"filters", filters_text(filters)}})};
    co_return co_await list<ImageSummary>(std::move(call));
}

awaitable<bool> Client::image_exists(std::string reference)
{
    // A reference has slashes, which are part of the path here.
    Call call{"image_inspect", "GET", "/images/" + reference + "/json"};
    const auto found = co_await find(std::move(call));
    co_return found.has_value();
}

/// The reply is a progress report in JSON lines; a failure after its start comes as a line with "error".
awaitable<> Client::pull_image(std::string reference, Secret auth)
{
    const bool complete = reference.find('@') != std::string::npos ||
                          reference.find(':', reference.rfind('/') + 1) != std::string::npos;
    const auto full = complete ? reference : reference + ":latest";
    Call call{"image_pull", "POST", "/images/create" + query({{"fromImage", full}})};
    if (!auth.empty()) call.headers.set("X-Registry-Auth", auth.reveal());
    call.deadline = options_.long_deadline;
    call.idle = options_.long_deadline;
    const auto progress = co_await open_stream(std::move(call));
    while (auto line = co_await progress->read_line()) {
        if (line->empty()) continue;
        const auto report = parse_reply("image_pull", *line);
        const auto* object = report.if_object();
        const auto* error = object ? object->if_contains("error") : nullptr;
        if (!error) continue;
        throw Error{Errc::Unavailable, "can't pull " + full + ": " + decode_reply<std::string>("image_pull", *error)};
    }
}

awaitable<std::optional<LogChunk>> LogStream::next()
{
    constexpr std::size_t kMaxFrame = 16 << 20;
    if (!multiplexed_) {
        auto text = co_await body_->read_some();
        if (!text) co_return std::nullopt;
        co_return LogChunk{LogChunk::From::Stdout, std::move(*text)};
    }
    // Frame: one byte stream number, three zeros, four bytes of length (big endian), the text.
    const auto header = co_await body_->read_exactly(8);
    if (!header) co_return std::nullopt;
    auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>((*header)[i])); };
    const auto size = byte(4) << 24 | byte(5) << 16 | byte(6) << 8 | byte(7);
    if (byte(0) > 3 || byte(1) || byte(2) || byte(3) || size > kMaxFrame)
        throw Error{Errc::Internal, "not a multiplexed log stream"};
    LogChunk chunk;
    chunk.from = byte(0) == 2 || byte(0) == 3 ? LogChunk::From::Stderr : LogChunk::From::Stdout;
    if (size > 0) {
        auto text = co_await body_->read_exactly(size);
        if (!text) throw Error{Errc::Timeout, "the log ended in the middle of a frame"};
        chunk.text = std::move(*text);
    }
    co_return chunk;
}

} // namespace berth::docker
