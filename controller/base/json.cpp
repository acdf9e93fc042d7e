#include "controller/base/json.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <charconv>
#include <cmath>
#include <cstdio>

namespace berth {

namespace {

/// The nearest number of at most 15 digits, nothing for what is too large. The parser makes the last bit of longer ones up
/// ("0.30000000000000004" is another number each time it is written and read), and no number at all of "0e999".
std::optional<double> fifteen_digits(double value)
{
    std::array<char, 32> text{};
    const auto length = std::snprintf(text.data(), text.size(), "%.15g", value);
    double rounded = 0;
    const auto problem = std::from_chars(text.data(), text.data() + length, rounded).ec;
    const bool tiny = problem == std::errc::result_out_of_range && std::abs(value) < 1;
    if (tiny) rounded = 0;
    return std::isfinite(rounded) && (tiny || problem == std::errc{}) ? std::optional(rounded) : std::nullopt;
}

/// Builds a value like json::value does, but refuses an object that names a member twice: what such a document
/// means depends on who reads it.
class StrictHandler {
public:
    static constexpr std::size_t max_object_size = std::size_t(-1);
    static constexpr std::size_t max_array_size = std::size_t(-1);
    static constexpr std::size_t max_key_size = std::size_t(-1);
    static constexpr std::size_t max_string_size = std::size_t(-1);

    json::value release() { return std::move(root_); }
    const std::optional<std::string>& duplicate() const noexcept { return duplicate_; }

    bool on_document_begin(json::error_code&) { return true; }
    bool on_document_end(json::error_code&) { return true; }
    bool on_object_begin(json::error_code&) { return open(json::object{}); }
    bool on_array_begin(json::error_code&) { return open(json::array{}); }
    bool on_object_end(std::size_t, json::error_code&) { return close(); }
    bool on_array_end(std::size_t, json::error_code&) { return close(); }
    bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return append(part); }
    bool on_key(json::string_view part, std::size_t, json::error_code& failure)
    {
        append(part);
        keys_.push_back(std::exchange(text_, {}));
        if (!open_.back().as_object().contains(keys_.back())) return true;
        duplicate_ = keys_.back();
        failure = json::error::syntax;
        return false;
    }
    bool on_string_part(json::string_view part, std::size_t, json::error_code&) { return append(part); }
    bool on_string(json::string_view part, std::size_t, json::error_code&)
    {
        append(part);
        return add(json::value(json::string_view(std::exchange(text_, {}))));
    }
    bool on_number_part(json::string_view, json::error_code&) { return true; }
    bool on_int64(std::int64_t value, json::string_view, json::error_code&) { return add(value); }
    bool on_uint64(std::uint64_t value, json::string_view, json::error_code&) { return add(value); }
    bool on_double(double value, json::string_view, json::error_code& failure)
    {
        const auto rounded = fifteen_digits(value);
        if (!rounded) failure = json::error::exponent_overflow;
        return rounded && add(*rounded);
    }
    bool on_bool(bool value, json::error_code&) { return add(value); }
    bool on_null(json::error_code&) { return add(nullptr); }
    bool on_comment_part(json::string_view, json::error_code&) { return true; }
    bool on_comment(json::string_view, json::error_code&) { return true; }

private:
    bool append(json::string_view part)
    {
        text_.append(part.data(), part.size());
        return true;
    }
    bool open(json::value container)
    {
        open_.push_back(std::move(container));
        return true;
    }
    bool close()
    {
        auto done = std::move(open_.back());
        open_.pop_back();
        return add(std::move(done));
    }
    bool add(json::value value)
    {
        if (open_.empty()) {
            root_ = std::move(value);
        } else if (open_.back().is_array()) {
            open_.back().get_array().push_back(std::move(value));
        } else {
            open_.back().get_object()[keys_.back()] = std::move(value);
            keys_.pop_back();
        }
        return true;
    }

    json::value root_;
    std::vector<json::value> open_;
    std::vector<std::string> keys_;
    std::string text_;
    std::optional<std::string> duplicate_;
};

} // namespace

json::value parse_json(std::string_view text, const JsonLimits& limits)
{
    if (text.size() > limits.max_bytes)
        throw Error{Errc::Invalid, "the document is larger than " + std::to_string(limits.max_bytes) + " bytes"};
    json::parse_options options;
    options.max_depth = limits.max_depth;
    json::basic_parser<StrictHandler> parser{options};
    json::error_code failure;
    const auto used = parser.write_some(false, text.data(), text.size(), failure);
    if (!failure && used < text.size()) failure = json::error::extra_data;
    if (!failure) return parser.handler().release();
    if (const auto& name = parser.handler().duplicate())
        throw Error{Errc::Invalid, "not valid JSON: the member '" + *name + "' is given twice"};
    throw Error{Errc::Invalid, "not valid JSON: " + failure.message() + " at byte " + std::to_string(used)};
}

std::string pointer(const std::string& path, std::string_view member)
{
    std::string text = path + "/";
    for (char c : member) {
        if (c == '~') text += "~0";
        else if (c == '/') text += "~1";
        else text += c;
    }
    return text;
}

} // namespace berth
