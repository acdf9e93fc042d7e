#include "controller/base/log.hpp"

#include "controller/base/time.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace berth::log {

namespace {

constexpr std::size_t kQueuedLines = 8192;

struct Output {
    std::shared_ptr<spdlog::logger> logger;
    Format format = Format::Text;
};

Output make_default()
{
    auto logger = std::make_shared<spdlog::logger>("berth", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::warn);
    return {std::move(logger), Format::Text};
}

Output& output()
{
    static Output current = make_default();
    return current;
}

spdlog::level::level_enum to_spdlog(Level level)
{
    switch (level) {
    case Level::Trace: return spdlog::level::trace;
    case Level::Debug: return spdlog::level::debug;
    case Level::Info: return spdlog::level::info;
    case Level::Warning: return spdlog::level::warn;
    case Level::Error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

const char* name_of(Level level)
{
    constexpr const char* kNames[] = {"trace", "debug", "info", "warning", "error"};
    return kNames[static_cast<int>(level)];
}

std::string quoted(std::string_view text) { return boost::json::serialize(boost::json::string(text)); }

std::string as_json(Level level, const std::string& time, std::string_view message, Fields fields)
{
    std::string line = "{\"time\":\"" + time + "\",\"level\":\"" + name_of(level) + "\",\"msg\":" + quoted(message);
    for (const auto& field : fields)
        line += "," + quoted(field.name) + ":" + (field.quoted ? quoted(field.text) : field.text);
    return line + "}";
}

std::string as_text(Level level, const std::string& time, std::string_view message, Fields fields)
{
    std::string line = time + " " + name_of(level) + " " + std::string(message);
    for (const auto& field : fields)
        line += " " + std::string(field.name) + "=" + (field.quoted ? quoted(field.text) : field.text);
    return line;
}

} // namespace

void start(Level level, Format format)
{
    spdlog::init_thread_pool(kQueuedLines, 1);
    auto logger = std::make_shared<spdlog::async_logger>("berth", std::make_shared<spdlog::sinks::stderr_sink_mt>(),
        spdlog::thread_pool(), spdlog::async_overflow_policy::overrun_oldest);
    logger->set_pattern("%v");
    logger->set_level(to_spdlog(level));
    logger->flush_on(spdlog::level::warn);
    output() = {std::move(logger), format};
    spdlog::set_default_logger(output().logger);
    spdlog::flush_every(std::chrono::seconds{1});
}

void stop()
{
    output() = make_default();
    spdlog::shutdown();
}

bool enabled(Level level) { return output().logger->should_log(to_spdlog(level)); }

void write(Level level, std::string_view message, Fields fields)
{
    if (!enabled(level)) return;
    const auto time = format_time(std::chrono::floor<Duration>(std::chrono::system_clock::now()));
    const auto line = output().format == Format::Json ? as_json(level, time, message, fields)
                                                      : as_text(level, time, message, fields);
    output().logger->log(to_spdlog(level), line);
}

} // namespace berth::log
