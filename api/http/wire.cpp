#include "api/http/wire.hpp"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include <zlib.h>

#include <charconv>
#include <ctime>

namespace berth::wire {

namespace {

constexpr std::size_t kMaxChunkLine = 1024;
constexpr std::size_t kMaxTrailer = 8 * 1024;

[[noreturn]] void malformed(const std::string& what)
{
    throw Error{Errc::Invalid, "malformed request: " + what};
}

bool equals_ignoring_case(std::string_view left, std::string_view right)
{
    return left.size() == right.size() &&
           std::equal(left.begin(), left.end(), right.begin(),
               [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

/// What Beast would forgive and another parser would read differently.
void check_lines(std::string_view block)
{
    for (std::size_t i = 0; i < block.size(); ++i) {
        const auto c = static_cast<unsigned char>(block[i]);
        if (c == '\n' && (i == 0 || block[i - 1] != '\r')) malformed("a line feed without carriage return");
        if (c == '\r' && (i + 1 == block.size() || block[i + 1] != '\n'))
            malformed("a carriage return without line feed");
        if (c == '\n' && i + 1 < block.size() && (block[i + 1] == ' ' || block[i + 1] == '\t'))
            malformed("a folded header");
        if ((c < ' ' && c != '\r' && c != '\n' && c != '\t') || c == 0x7F) malformed("a control character");
    }
}

std::string origin_form(std::string_view target)
{
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!target.starts_with(scheme)) continue;
        const auto path = target.find('/', scheme.size());
        target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
        break;
    }
    if (!target.starts_with('/')) malformed("the request target does not start with '/'");
    for (const unsigned char c : target)
        if (c <= ' ' || c > '~' || c == '#')
            malformed("a character in the request target that must be encoded");
    return std::string(target);
}

void check_framing(Head& head)
{
    const auto lengths = head.fields.count(http::field::content_length);
    const auto encodings = head.fields.count(http::field::transfer_encoding);
    if (lengths > 1) malformed("several Content-Length headers");
    if (encodings > 1) malformed("several Transfer-Encoding headers");
    if (lengths && encodings) malformed("Content-Length together with Transfer-Encoding");
    if (encodings) {
        if (!head.http11) malformed("Transfer-Encoding in HTTP/1.0");
        if (!equals_ignoring_case(head.header("Transfer-Encoding"), "chunked"))
            throw HttpError{501, "NOT_IMPLEMENTED", "the only Transfer-Encoding understood is chunked"};
        head.chunked = true;
    }
    if (lengths) {
        const auto text = head.header("Content-Length");
        std::uint64_t value = 0;
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (failure != std::errc{} || end != text.data() + text.size())
            malformed("Content-Length is not a number");
        head.length = value;
    }
    const auto hosts = head.fields.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && head.http11)) malformed("expected exactly one Host header");
}

void check_expectation(Head& head)
{
    const auto expect = head.header("Expect");
    if (expect.empty()) return;
    if (!equals_ignoring_case(expect, "100-continue"))
        throw HttpError{417, "EXPECTATION_FAILED", "the only expectation understood is 100-continue"};
    head.expects_continue = head.http11;
}

} // namespace

std::string_view Head::path() const { return std::string_view(target).substr(0, target.find('?')); }

std::string_view Head::query() const
{
    const auto mark = target.find('?');
    return mark == std::string::npos ? std::string_view{} : std::string_view(target).substr(mark + 1);
}

std::string_view Head::header(std::string_view name) const
{
    const auto value = fields[boost::beast::string_view(name.data(), name.size())];
    return {value.data(), value.size()};
}

std::size_t find_head_end(std::string_view data, std::size_t from)
{
    const auto end = data.find("\r\n\r\n", from < 3 ? 0 : from - 3);
    return end == std::string_view::npos ? end : end + 4;
}

Head parse_head(std::string_view block)
{
    check_lines(block);
    http::request_parser<http::empty_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(block.size() + 1));
    parser.body_limit(boost::none);
    boost::system::error_code failure;
    parser.put(boost::asio::buffer(block.data(), block.size()), failure);
    if (failure == http::error::bad_version)
        throw HttpError{505, "VERSION_NOT_SUPPORTED", "expected HTTP/1.1 or HTTP/1.0"};
    if (failure || !parser.is_header_done()) malformed(failure ? failure.message() : "an incomplete head");
    auto message = parser.release();
    Head head;
    head.method = std::string(message.method_string());
    head.http11 = message.version() == 11;
    head.keep_alive = message.keep_alive();
    head.target = origin_form({message.target().data(), message.target().size()});
    head.fields = std::move(static_cast<http::fields&>(message));
    check_framing(head);
    check_expectation(head);
    return head;
}

void too_large(std::size_t limit)
{
    throw HttpError{413, "PAYLOAD_TOO_LARGE", "the body is larger than " + std::to_string(limit) + " bytes"};
}

void ChunkDecoder::take_line(std::string& out)
{
    if (state_ == State::DataEnd) {
        if (!line_.empty()) malformed("a chunk longer than its size");
        state_ = State::Size;
    } else if (state_ == State::Size) {
        const auto digits = std::string_view(line_).substr(0, line_.find_first_of("; \t"));
        const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
        if (digits.empty() || digits.size() > 15 || failure != std::errc{} ||
            end != digits.data() + digits.size())
            malformed("a chunk size that is not a hexadecimal number");
        if (left_ > limit_ - out.size()) too_large(limit_);
        state_ = left_ == 0 ? State::Trailer : State::Data;
    } else if (line_.empty()) {
        state_ = State::Done;
    } else {
        trailer_bytes_ += line_.size();
        if (trailer_bytes_ > kMaxTrailer) malformed("too long a trailer");
    }
    line_.clear();
}

std::size_t ChunkDecoder::feed(std::string_view data, std::string& out)
{
    std::size_t used = 0;
    while (used < data.size() && state_ != State::Done) {
        if (state_ == State::Data) {
            const auto piece = data.substr(
                used, static_cast<std::size_t>(std::min<std::uint64_t>(left_, data.size() - used)));
            out.append(piece);
            used += piece.size();
            left_ -= piece.size();
            if (left_ == 0) state_ = State::DataEnd;
            continue;
        }
        const char c = data[used++];
        if (c != '\n') {
            line_ += c;
            if (line_.size() > kMaxChunkLine) malformed("too long a line in a chunked body");
            continue;
        }
        if (line_.empty() || line_.back() != '\r') malformed("a line feed without carriage return");
        line_.pop_back();
        take_line(out);
    }
    return used;
}

std::string_view reason(unsigned status) noexcept
{
    if (status == 413) return "Content Too Large";
    if (status == 422) return "Unprocessable Content";
    const auto text = http::obsolete_reason(http::int_to_status(status));
    return {text.data(), text.size()};
}

std::string format_head(unsigned status, bool http11, const HeaderList& headers)
{
    std::string text = http11 ? "HTTP/1.1 " : "HTTP/1.0 ";
    text.append(std::to_string(status)).append(" ").append(reason(status)).append("\r\n");
    const auto clean = [](std::string_view value) {
        return std::none_of(
            value.begin(), value.end(), [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7F; });
    };
    for (const auto& [name, value] : headers)
        if (clean(name) && clean(value)) text.append(name).append(": ").append(value).append("\r\n");
    text.append("\r\n");
    return text;
}

std::string http_date(Time time)
{
    const auto seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char text[64];
    // Not strftime: its names follow the locale.
    const int length = std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT",
        kDays[parts.tm_wday], parts.tm_mday, kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
        parts.tm_min, parts.tm_sec);
    return {text, static_cast<std::size_t>(length)};
}

bool accepts_gzip(std::string_view accept_encoding)
{
    bool accepted = false;
    for (const auto& item : http::ext_list{{accept_encoding.data(), accept_encoding.size()}}) {
        if (!equals_ignoring_case({item.first.data(), item.first.size()}, "gzip") && item.first != "*")
            continue;
        const auto named = item.first != "*";
        bool refused = false;
        for (const auto& [name, value] : item.second)
            if (name == "q" && value.find_first_not_of("0.") == boost::beast::string_view::npos)
                refused = true;
        if (named) return !refused;
        accepted = !refused;
    }
    return accepted;
}

bool is_compressible(std::string_view content_type)
{
    return content_type.starts_with("application/json") || content_type.starts_with("text/") ||
           content_type.starts_with("application/javascript") || content_type.starts_with("image/svg");
}

std::string gzip(std::string_view body)
{
    z_stream stream{};
    // 15 + 16: the largest window, in gzip's envelope. Level 1: we pay in latency of everybody.
    if (deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw Error{Errc::Internal, "zlib can't start"};
    std::string out(deflateBound(&stream, body.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
    stream.avail_in = static_cast<uInt>(body.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    if (result != Z_STREAM_END) throw Error{Errc::Internal, "zlib did not finish"};
    return out;
}

} // namespace berth::wire
