#include "api/actions/s3_transfer.hpp"

#include "controller/base/error.hpp"
#include "controller/base/random.hpp"

#include <curl/curl.h>

#include <list>

#include <netinet/in.h>
#include <sys/socket.h>

namespace berth::s3 {

namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t kMaxBody = 64 * 1024;
constexpr long kConnectLimitMs = 5'000;

/// curl's global state, made once and kept for the life of the process.
void init_curl()
{
    static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK) throw Error{Errc::Internal, "libcurl can't be initialised"};
}

std::optional<ip::address> address_of(const curl_sockaddr& where)
{
    if (where.family == AF_INET)
        return ip::address_v4(ntohl(reinterpret_cast<const sockaddr_in*>(&where.addr)->sin_addr.s_addr));
    if (where.family != AF_INET6) return std::nullopt;
    ip::address_v6::bytes_type bytes;
    const auto& raw = reinterpret_cast<const sockaddr_in6*>(&where.addr)->sin6_addr.s6_addr;
    std::copy(std::begin(raw), std::end(raw), bytes.begin());
    return ip::address_v6(bytes);
}

/// One request under way. curl keeps pointers to it.
class Transfer {
public:
    Transfer(const Target& target, const Request& request, long limit_ms);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer()
    {
        curl_slist_free_all(headers_);
        curl_easy_cleanup(easy_);
    }
    CURL* handle() const noexcept { return easy_; }
    void finished(CURLcode code) { code_ = code; }
    Outcome outcome() const;

private:
    static std::size_t receive(char* data, std::size_t size, std::size_t count, void* self);
    static curl_socket_t open(void* self, curlsocktype purpose, curl_sockaddr* where);
    void set_target(const Target& target, const Request& request, long limit_ms);
    void set_body(const Request& request);
    template <class T> void set(CURLoption option, T value) { curl_easy_setopt(easy_, option, value); }
    void add_header(const std::string& line) { headers_ = curl_slist_append(headers_, line.c_str()); }

    CURL* easy_;
    const EndpointRules* rules_;
    curl_slist* headers_ = nullptr;
    std::string reply_;
    CURLcode code_ = CURLE_OPERATION_TIMEDOUT;
    bool refused_ = false;
};

Transfer::Transfer(const Target& target, const Request& request, long limit_ms)
    : easy_(curl_easy_init()),
      rules_(target.rules)
{
    if (!easy_) throw Error{Errc::Internal, "libcurl has no memory"};
    set_target(target, request, limit_ms);
    set_body(request);
    add_header("x-amz-content-sha256: " + sha256_hex(request.body));
    if (request.if_absent) add_header("If-None-Match: *");
    set(CURLOPT_HTTPHEADER, headers_);
}

void Transfer::set_target(const Target& target, const Request& request, long limit_ms)
{
    const auto& source = target.source;
    set(CURLOPT_URL, url_of(source, request.key, request.query).c_str());
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_TIMEOUT_MS, limit_ms);
    set(CURLOPT_CONNECTTIMEOUT_MS, std::min(limit_ms, kConnectLimitMs));
    set(CURLOPT_AWS_SIGV4, ("aws:amz:" + source.region + ":s3").c_str());
    set(CURLOPT_USERNAME, source.accessKeyId.c_str());
    set(CURLOPT_PASSWORD, source.secretAccessKey.reveal().c_str());
    set(CURLOPT_WRITEFUNCTION, &Transfer::receive);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::open);
    set(CURLOPT_OPENSOCKETDATA, this);
    if (!target.ca_file.empty()) set(CURLOPT_CAINFO, target.ca_file.c_str());
}

void Transfer::set_body(const Request& request)
{
    const std::string_view verb(request.method);
    if (verb == "HEAD") {
        set(CURLOPT_NOBODY, 1L);
    } else if (verb == "PUT") {
        set(CURLOPT_POSTFIELDSIZE, long(request.body.size()));
        set(CURLOPT_COPYPOSTFIELDS, request.body.c_str());
        set(CURLOPT_CUSTOMREQUEST, "PUT");
        add_header("Content-Type: text/plain");
    } else if (verb != "GET") {
        set(CURLOPT_CUSTOMREQUEST, request.method);
    }
}

std::size_t Transfer::receive(char* data, std::size_t size, std::size_t count, void* self)
{
    auto& reply = static_cast<Transfer*>(self)->reply_;
    if (reply.size() + size * count > kMaxBody) return 0; // curl ends the transfer with an error
    reply.append(data, size * count);
    return size * count;
}

curl_socket_t Transfer::open(void* self, curlsocktype, curl_sockaddr* where)
{
    auto& transfer = *static_cast<Transfer*>(self);
    const auto address = address_of(*where);
    if (transfer.rules_ && (!address || !transfer.rules_->allows(*address))) {
        transfer.refused_ = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(where->family, where->socktype | SOCK_CLOEXEC, where->protocol);
}

Outcome Transfer::outcome() const
{
    Outcome outcome;
    if (code_ != CURLE_OK) {
        // Whether an inner name exists is not told either.
        outcome.unknown_host = code_ == CURLE_COULDNT_RESOLVE_HOST;
        outcome.refused = refused_ || (rules_ && outcome.unknown_host);
        outcome.transport = curl_easy_strerror(code_);
        return outcome;
    }
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &outcome.status);
    if (!outcome.ok()) outcome.code = error_code(reply_);
    return outcome;
}

struct Multi {
    CURLM* handle = curl_multi_init();
    ~Multi() { curl_multi_cleanup(handle); }
};

} // namespace

std::string error_code(std::string_view body)
{
    const auto begin = body.find("<Code>");
    const auto end = body.find("</Code>");
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin + 6) return "";
    std::string code(body.substr(begin + 6, std::min<std::size_t>(end - begin - 6, 64)));
    const bool plain = std::all_of(code.begin(), code.end(), [](unsigned char c) { return std::isalnum(c); });
    return plain ? code : "";
}

std::vector<Outcome> run(
    const Target& target, const std::vector<Request>& requests, std::chrono::milliseconds limit)
{
    init_curl();
    std::list<Transfer> transfers;
    for (const auto& request : requests)
        transfers.emplace_back(target, request, std::max<long>(1, long(limit.count())));
    Multi multi;
    for (auto& transfer : transfers) curl_multi_add_handle(multi.handle, transfer.handle());
    int running = 1;
    while (running > 0) {
        if (curl_multi_perform(multi.handle, &running) != CURLM_OK) break;
        if (running > 0) curl_multi_poll(multi.handle, nullptr, 0, 250, nullptr);
    }
    int left = 0;
    while (const auto* message = curl_multi_info_read(multi.handle, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        for (auto& transfer : transfers)
            if (transfer.handle() == message->easy_handle) transfer.finished(message->data.result);
    }
    std::vector<Outcome> outcomes;
    for (auto& transfer : transfers) {
        outcomes.push_back(transfer.outcome());
        curl_multi_remove_handle(multi.handle, transfer.handle());
    }
    return outcomes;
}

} // namespace berth::s3
