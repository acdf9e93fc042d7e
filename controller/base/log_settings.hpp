#pragma once
// LOG_LEVEL and LOG_FORMAT, as every program reads them.

#include "controller/base/env.hpp"
#include "controller/base/log.hpp"

namespace berth {

enum class LogLevel { trace, debug, info, warning, error };
BOOST_DESCRIBE_ENUM(LogLevel, trace, debug, info, warning, error)
enum class LogFormat { json, text };
BOOST_DESCRIBE_ENUM(LogFormat, json, text)

struct LogSettings {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::json;

    void start() const
    {
        // Both enumerations list the levels in the same order.
        log::start(static_cast<log::Level>(level), format == LogFormat::json ? log::Format::Json : log::Format::Text);
    }
};

inline void add_log_settings(std::vector<EnvSetting>& settings, LogSettings& log)
{
    settings.push_back(env("LOG_LEVEL", log.level, "trace, debug, info, warning or error"));
    settings.push_back(env("LOG_FORMAT", log.format, "json or text"));
}

} // namespace berth
