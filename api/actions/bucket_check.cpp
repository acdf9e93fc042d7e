#include "api/actions/bucket_check.hpp"

#include "controller/base/random.hpp"

#include <curl/curl.h>

#include <list>

namespace berth {

namespace {

constexpr std::size_t kMaxBody = 64 * 1024;
constexpr std::string_view kProbeText = "berth checks that it can write here\n";

/// curl's global state, made once and kept for the life of the process.
void init_curl()
{
    static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK) throw Error{Errc::Internal, "libcurl can't be initialised"};
}

struct Target {
    S3Source source;
    std::string signing;
    std::string ca_file;
};

/// One signed request. Lives on the work executor, within one round.
class Transfer {
public:
    Transfer(const Target& target, const char* method, std::string_view key,
        const std::map<std::string, std::string>& query, std::string_view body, long timeout_ms);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer()
    {
        curl_slist_free_all(headers_);
        curl_easy_cleanup(easy_);
    }

    CURL* handle() const noexcept { return easy_; }
    void finished(CURLcode code)
    {
        code_ = code;
        curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status_);
    }
    bool ok() const noexcept { return code_ == CURLE_OK && status_ >= 200 && status_ < 300; }
    long status() const noexcept { return code_ == CURLE_OK ? status_ : 0; }
    const std::string& body() const noexcept { return reply_; }
    const char* transport_error() const { return curl_easy_strerror(code_); }

private:
    static std::size_t receive(char* data, std::size_t size, std::size_t count, void* self);
    void set_body(const char* method, std::string_view body);

    CURL* easy_;
    curl_slist* headers_ = nullptr;
    std::string reply_;
    CURLcode code_ = CURLE_OPERATION_TIMEDOUT;
    long status_ = 0;
};

Transfer::Transfer(const Target& target, const char* method, std::string_view key,
    const std::map<std::string, std::string>& query, std::string_view body, long timeout_ms)
    : easy_(curl_easy_init())
{
    if (!easy_) throw Error{Errc::Internal, "libcurl has no memory"};
    const auto url = s3::url_of(target.source, key, query);
    curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy_, CURLOPT_PROXY, "");
    curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, std::min(timeout_ms, 5'000L));
    curl_easy_setopt(easy_, CURLOPT_AWS_SIGV4, target.signing.c_str());
    curl_easy_setopt(easy_, CURLOPT_USERNAME, target.source.accessKeyId.c_str());
    curl_easy_setopt(easy_, CURLOPT_PASSWORD, target.source.secretAccessKey.reveal().c_str());
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::receive);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
    if (!target.ca_file.empty()) curl_easy_setopt(easy_, CURLOPT_CAINFO, target.ca_file.c_str());
    set_body(method, body);
    const auto digest = "x-amz-content-sha256: " + sha256_hex(body);
    headers_ = curl_slist_append(headers_, digest.c_str());
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
}

void Transfer::set_body(const char* method, std::string_view body)
{
    const std::string_view verb(method);
    if (verb == "HEAD") {
        curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
    } else if (verb == "PUT") {
        curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE, long(body.size()));
        curl_easy_setopt(easy_, CURLOPT_COPYPOSTFIELDS, std::string(body).c_str());
        curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, "PUT");
        headers_ = curl_slist_append(headers_, "Content-Type: text/plain");
    } else if (verb != "GET") {
        curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, method);
    }
}

std::size_t Transfer::receive(char* data, std::size_t size, std::size_t count, void* self)
{
    auto& reply = static_cast<Transfer*>(self)->reply_;
    if (reply.size() + size * count > kMaxBody) return 0; // curl ends the transfer with an error
    reply.append(data, size * count);
    return size * count;
}

using Deadline = std::chrono::steady_clock::time_point;

long left_ms(Deadline deadline)
{
    const auto left =
        std::chrono::duration_cast<Duration>(deadline - std::chrono::steady_clock::now()).count();
    return std::max<long>(1, long(left));
}

/// Runs all of them at the same time; returns when each has an outcome (their own time-outs see to that).
void run_round(const std::vector<Transfer*>& transfers)
{
    struct Multi {
        CURLM* handle = curl_multi_init();
        ~Multi() { curl_multi_cleanup(handle); }
    } multi;
    for (auto* transfer : transfers) curl_multi_add_handle(multi.handle, transfer->handle());
    int running = 1;
    while (running > 0) {
        if (curl_multi_perform(multi.handle, &running) != CURLM_OK) break;
        if (running > 0) curl_multi_poll(multi.handle, nullptr, 0, 250, nullptr);
    }
    int left = 0;
    while (const auto* message = curl_multi_info_read(multi.handle, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        for (auto* transfer : transfers)
            if (transfer->handle() == message->easy_handle) transfer->finished(message->data.result);
    }
    for (auto* transfer : transfers) curl_multi_remove_handle(multi.handle, transfer->handle());
}

/// The first thing that is wrong; empty = fit. Blocking; on the work executor.
std::string find_problem(const Target& target, std::string probe_key, Deadline deadline)
{
    init_curl();
    const auto problem = [](const char* what, const Transfer& transfer) {
        return s3::problem_of(what, transfer.status(), transfer.body(), transfer.transport_error());
    };
    Transfer head{target, "HEAD", "", {}, "", left_ms(deadline)};
    Transfer list{target, "GET", "",
        {{"list-type", "2"}, {"max-keys", "1"},
            {"prefix", target.source.prefix.empty() ? "" : target.source.prefix + "/"}},
        "", left_ms(deadline)};
    Transfer put{target, "PUT", probe_key, {}, kProbeText, left_ms(deadline)};
    run_round({&head, &list, &put});
    std::string found;
    if (!list.ok() && (list.status() == 0 || list.status() == 404))
        found = problem("list", list);
    else if (!head.ok() &&
             head.status() != 403) // a role may list and write without the right to HEAD the bucket
        found = problem("use", head);
    else if (!list.ok())
        found = problem("list", list);
    else if (!put.ok())
        found = problem("write", put);
    if (!put.ok()) return found;

    Transfer get{target, "GET", probe_key, {}, "", left_ms(deadline)};
    if (found.empty()) {
        run_round({&get});
        if (!get.ok())
            found = problem("read", get);
        else if (get.body() != kProbeText)
            found = "the bucket gave back something else than was written";
    }
    Transfer remove{target, "DELETE", probe_key, {}, "", left_ms(deadline)};
    run_round({&remove});
    if (found.empty() && !remove.ok()) found = problem("delete", remove);
    return found;
}

std::string xml_code(std::string_view body)
{
    const auto begin = body.find("<Code>");
    const auto end = body.find("</Code>");
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin + 6) return "";
    std::string code(body.substr(begin + 6, std::min<std::size_t>(end - begin - 6, 64)));
    const bool plain = std::all_of(code.begin(), code.end(), [](unsigned char c) { return std::isalnum(c); });
    return plain ? code : "";
}

std::string memory_key(const S3Source& source)
{
    std::string all;
    for (const auto* part : {&source.endpoint, &source.region, &source.bucket, &source.prefix,
             &source.accessKeyId, &source.secretAccessKey.reveal()})
        all += std::to_string(part->size()) + ":" + *part;
    return sha256_hex(all);
}

} // namespace

std::string s3::encode(std::string_view text, bool keep_slashes)
{
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char raw : text) {
        const auto c = static_cast<unsigned char>(raw);
        const bool plain = (c < 0x80 && std::isalnum(c)) || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain || (keep_slashes && c == '/'))
            out += raw;
        else
            out.append({'%', kHex[c >> 4], kHex[c & 15]});
    }
    return out;
}

std::string s3::canonical_query(const std::map<std::string, std::string>& query)
{
    std::map<std::string, std::string> encoded; // sorted by the encoded name, as the signature wants it
    for (const auto& [name, value] : query) encoded[encode(name, false)] = encode(value, false);
    std::string text;
    for (const auto& [name, value] : encoded) text += (text.empty() ? "" : "&") + name + "=" + value;
    return text;
}

std::string s3::endpoint_of(const S3Source& source)
{
    auto endpoint =
        source.endpoint.empty() ? "https://s3." + source.region + ".amazonaws.com" : source.endpoint;
    while (endpoint.ends_with('/')) endpoint.pop_back();
    return endpoint;
}

std::string s3::url_of(
    const S3Source& source, std::string_view key, const std::map<std::string, std::string>& query)
{
    std::string url = endpoint_of(source) + "/" + encode(source.bucket, false);
    if (!key.empty()) url += "/" + encode(key, true);
    if (!query.empty()) url += "?" + canonical_query(query);
    return url;
}

std::string s3::problem_of(
    std::string_view what, long status, std::string_view body, std::string_view transport_error)
{
    const auto code = xml_code(body);
    const std::string detail = code.empty() ? "" : " (" + code + ")";
    if (status == 0) return "the S3 endpoint does not answer: " + std::string(transport_error);
    if (status == 404) return "the bucket does not exist" + detail;
    if (status == 401 || (status == 403 && (code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch")))
        return "the credentials are not accepted" + detail;
    if (status == 403) return "the credentials may not " + std::string(what) + " in this bucket" + detail;
    if (status >= 300 && status < 400)
        return "the bucket is somewhere else: wrong region or endpoint" + detail;
    return "the S3 endpoint answered " + std::to_string(status) + " to the attempt to " + std::string(what) +
           detail;
}

S3BucketCheck::S3BucketCheck(Executor work, Clock& clock, BucketCheckSettings settings)
    : work_(std::move(work)),
      clock_(clock),
      settings_(std::move(settings))
{}

S3BucketCheck::~S3BucketCheck() = default;

awaitable<> S3BucketCheck::check(S3Source source)
{
    const auto key = memory_key(source);
    const auto known = good_until_.find(key);
    if (known != good_until_.end() && clock_.tick() < known->second) co_return;

    Target target{source, "aws:amz:" + source.region + ":s3", settings_.ca_file};
    const std::string folder = source.prefix.empty() ? "" : source.prefix + "/";
    const std::string probe = folder + ".berth/check-" + random_text(12);
    const auto deadline = std::chrono::steady_clock::now() + settings_.deadline;
    auto work = [target = std::move(target), probe, deadline] {
        return find_problem(target, probe, deadline);
    };
    const auto problem = co_await offload(work_, std::move(work));
    if (!problem.empty()) throw Error{Errc::Invalid, problem}.as("INVALID_S3_BUCKET");

    if (good_until_.size() >= settings_.remember_at_most)
        std::erase_if(good_until_, [now = clock_.tick()](const auto& item) { return item.second <= now; });
    if (good_until_.size() < settings_.remember_at_most)
        good_until_[key] = clock_.tick() + settings_.remember;
}

} // namespace berth
