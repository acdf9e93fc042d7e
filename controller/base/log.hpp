#pragma once
// One line per happening, with fields, as JSON or text on standard error. Never logs a Secret: it has no conversion.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace berth::log {

enum class Level { Trace, Debug, Info, Warning, Error };
enum class Format { Json, Text };

/// A named value of a log line. Numbers and booleans stay such in JSON.
struct Field {
    Field(std::string_view key, std::string_view value) : name(key), text(value), quoted(true) {}
    Field(std::string_view key, const char* value) : Field(key, std::string_view(value)) {}
    Field(std::string_view key, const std::string& value) : Field(key, std::string_view(value)) {}
    template <class T>
        requires std::is_arithmetic_v<T>
    Field(std::string_view key, T value) : name(key), quoted(false)
    {
        if constexpr (std::is_same_v<T, bool>)
            text = value ? "true" : "false";
        else
            text = std::to_string(value);
    }

    std::string_view name;
    std::string text;
    bool quoted;
};
using Fields = std::initializer_list<Field>;

/// Starts the asynchronous writer. Called once by main; before it, and in tests, lines from Warning up go out
/// synchronously as text.
void start(Level level, Format format);
/// Writes out what is queued and stops the writer.
void stop();

bool enabled(Level level);
void write(Level level, std::string_view message, Fields fields = {});

inline void debug(std::string_view message, Fields fields = {}) { write(Level::Debug, message, fields); }
inline void info(std::string_view message, Fields fields = {}) { write(Level::Info, message, fields); }
inline void warning(std::string_view message, Fields fields = {}) { write(Level::Warning, message, fields); }
inline void error(std::string_view message, Fields fields = {}) { write(Level::Error, message, fields); }

} // namespace berth::log
