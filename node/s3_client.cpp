#include "node/s3_client.hpp"

#include "controller/base/log.hpp"
#include "controller/base/random.hpp"
#include "node/fd.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

#include <fcntl.h>

namespace berth {

namespace {

/// A page of a list has at most 1,000 keys of 1,024 bytes, percent-encoded.
constexpr std::size_t kMaxBody = 16 << 20;

std::string lower(std::string_view text)
{
    std::string out(text);
    for (auto& c : out) c = char(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::string_view trimmed(std::string_view text)
{
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == '\r' || text.back() == '\n' || text.back() == ' '))
        text.remove_suffix(1);
    return text;
}

/// What was sent by one send(). Its answers are written by the client's thread, read when all are there.
struct Batch {
    std::vector<S3Call> calls;
    S3Keys keys;
    std::vector<S3Answer> answers;
    std::size_t next = 0;   ///< not begun yet
    std::size_t active = 0; ///< under way
    bool cancelled = false;
    std::function<void(bool cancelled)> done;
    bool ended() const { return active == 0 && (cancelled || next == calls.size()); }
};
using BatchPtr = std::shared_ptr<Batch>;

/// One request under way. Lives on the client's thread.
class Transfer {
public:
    Transfer(BatchPtr batch, std::size_t index, const S3ClientOptions& options, Time now);
    Transfer(const Transfer&) = delete;
    ~Transfer()
    {
        curl_slist_free_all(headers_);
        curl_easy_cleanup(easy_);
    }
    CURL* handle() const noexcept { return easy_; }
    const BatchPtr& batch() const noexcept { return batch_; }
    void finish(CURLcode code);

private:
    static std::size_t receive(char* data, std::size_t size, std::size_t count, void* self);
    static std::size_t header(char* data, std::size_t size, std::size_t count, void* self);
    static std::size_t send(char* data, std::size_t size, std::size_t count, void* self);
    std::size_t take(std::string_view data);
    void prepare(const S3ClientOptions& options, Time now);
    void prepare_body();
    S3Call& call() { return batch_->calls[index_]; }
    S3Answer& answer() { return batch_->answers[index_]; }

    BatchPtr batch_;
    std::size_t index_;
    CURL* easy_;
    curl_slist* headers_ = nullptr;
    Fd file_;
    std::size_t sent_ = 0;
};

Transfer::Transfer(BatchPtr batch, std::size_t index, const S3ClientOptions& options, Time now)
    : batch_(std::move(batch)),
      index_(index),
      easy_(curl_easy_init())
{
    if (!easy_) throw Error{Errc::Internal, "libcurl has no memory"};
    prepare(options, now);
}

void Transfer::prepare(const S3ClientOptions& options, Time now)
{
    auto& request = call();
    const auto limit = options.base_limit + Duration{request.size / options.slowest * 1000};
    S3Signable signable{request.method, request.url, request.headers, request.body_sha256};
    if (signable.body_sha256.empty()) signable.body_sha256 = sha256_hex(request.body);
    for (const auto& [name, value] : sign_s3(signable, batch_->keys, now))
        headers_ = curl_slist_append(headers_, (name + ": " + value).c_str());
    curl_easy_setopt(easy_, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy_, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, 5'000L);
    curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, long(limit.count()));
    curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::receive);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Transfer::header);
    curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
    if (!options.ca_file.empty()) curl_easy_setopt(easy_, CURLOPT_CAINFO, options.ca_file.c_str());
    prepare_body();
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
}

void Transfer::prepare_body()
{
    auto& request = call();
    if (request.method == "HEAD") {
        curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
    } else if (request.method == "PUT") {
        if (!request.file.empty()) {
            file_.reset(::open(request.file.c_str(), O_RDONLY | O_CLOEXEC));
            if (!file_) throw system_error("open a file to send");
        }
        curl_easy_setopt(easy_, CURLOPT_UPLOAD, 1L);
        const auto size = request.file.empty() ? std::int64_t(request.body.size()) : request.size;
        curl_easy_setopt(easy_, CURLOPT_INFILESIZE_LARGE, curl_off_t(size));
        curl_easy_setopt(easy_, CURLOPT_READFUNCTION, &Transfer::send);
        curl_easy_setopt(easy_, CURLOPT_READDATA, this);
    } else if (request.method != "GET") {
        curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
}

std::size_t Transfer::send(char* data, std::size_t size, std::size_t count, void* self)
{
    auto& transfer = *static_cast<Transfer*>(self);
    const auto room = size * count;
    if (transfer.file_) {
        const auto got = ::read(transfer.file_.get(), data, room);
        return got < 0 ? CURL_READFUNC_ABORT : std::size_t(got);
    }
    const auto& body = transfer.call().body;
    const auto part = std::min(room, body.size() - transfer.sent_);
    std::copy_n(body.data() + transfer.sent_, part, data);
    transfer.sent_ += part;
    return part;
}

std::size_t Transfer::header(char* data, std::size_t size, std::size_t count, void* self)
{
    const std::string_view line(data, size * count);
    auto& headers = static_cast<Transfer*>(self)->answer().headers;
    if (line.starts_with("HTTP/")) headers.clear(); // what came before was "100 Continue"
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && headers.size() < 64)
        headers[lower(line.substr(0, colon))] = std::string(trimmed(line.substr(colon + 1)));
    return line.size();
}

std::size_t Transfer::receive(char* data, std::size_t size, std::size_t count, void* self)
{
    return static_cast<Transfer*>(self)->take({data, size * count});
}

std::size_t Transfer::take(std::string_view data)
{
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    const auto& target = call().method == "GET" ? call().file : std::string();
    if (target.empty() || status >= 300) {
        auto& body = answer().body;
        if (body.size() + data.size() > kMaxBody) return 0;
        body.append(data);
        return data.size();
    }
    if (!file_) file_.reset(::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    std::string_view rest = data;
    while (file_ && !rest.empty()) {
        const auto written = ::write(file_.get(), rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) break;
        rest.remove_prefix(std::size_t(written));
    }
    if (rest.empty()) return data.size();
    answer().problem = std::string("can't write a downloaded file: ") + std::strerror(errno);
    return 0;
}

void Transfer::finish(CURLcode code)
{
    auto& result = answer();
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &result.status);
    if (code != CURLE_OK) {
        if (result.problem.empty()) result.problem = curl_easy_strerror(code);
        result.status = 0;
        return;
    }
    const bool empty_file = call().method == "GET" && !call().file.empty() && result.ok() && !file_;
    if (empty_file) file_.reset(::open(call().file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
}

} // namespace

struct S3Client::Worker {
    Worker(Clock& its_clock, S3ClientOptions its_options) : clock(its_clock), options(std::move(its_options))
    {
        static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
        multi = code == CURLE_OK ? curl_multi_init() : nullptr;
        if (!multi) throw Error{Errc::Internal, "libcurl can't be initialised"};
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, long(options.in_all));
        thread = std::thread([this] { run(); });
    }
    ~Worker()
    {
        {
            const std::lock_guard lock(mutex);
            ending = true;
        }
        curl_multi_wakeup(multi);
        thread.join();
        curl_multi_cleanup(multi);
    }

    void add(const BatchPtr& batch) { order(arrived, batch); }
    void cancel(const BatchPtr& batch) { order(abandoned, batch); }
    void order(std::vector<BatchPtr>& orders, const BatchPtr& batch)
    {
        {
            const std::lock_guard lock(mutex);
            orders.push_back(batch);
        }
        curl_multi_wakeup(multi);
    }

    void run();
    bool take_orders();
    void begin();
    bool begin_one(const BatchPtr& batch);
    void collect();
    void end(Transfer* transfer);
    void retire();

    Clock& clock;
    S3ClientOptions options;
    CURLM* multi = nullptr;
    std::mutex mutex;
    std::vector<BatchPtr> arrived;   // mutex
    std::vector<BatchPtr> abandoned; // mutex
    bool ending = false;             // mutex
    std::list<BatchPtr> batches;     // the thread's own from here on
    std::list<std::unique_ptr<Transfer>> transfers;
    std::thread thread;
};

void S3Client::Worker::run()
{
    while (take_orders()) {
        begin();
        int running = 0;
        curl_multi_perform(multi, &running);
        collect();
        retire();
        bool more = false;
        for (const auto& batch : batches) more = more || batch->next < batch->calls.size();
        const bool room = more && transfers.size() < options.in_all;
        if (!room || !transfers.empty()) curl_multi_poll(multi, nullptr, 0, 30'000, nullptr);
    }
    for (auto& batch : batches) batch->cancelled = true;
    while (!transfers.empty()) end(transfers.front().get());
    retire();
}

/// False when the client ends.
bool S3Client::Worker::take_orders()
{
    std::vector<BatchPtr> dropped;
    {
        const std::lock_guard lock(mutex);
        batches.insert(batches.end(), arrived.begin(), arrived.end());
        arrived.clear();
        dropped.swap(abandoned);
        if (ending) return false;
    }
    for (const auto& batch : dropped) {
        batch->cancelled = true;
        for (auto it = transfers.begin(); it != transfers.end();) {
            auto* transfer = (it++)->get();
            if (transfer->batch() == batch) end(transfer);
        }
    }
    retire();
    return true;
}

/// One of each batch in turn, so that a large one does not hold up the others.
void S3Client::Worker::begin()
{
    for (bool any = true; any;) {
        any = false;
        for (const auto& batch : batches) {
            if (transfers.size() >= options.in_all) return;
            if (!batch->cancelled && batch->next < batch->calls.size() && batch->active < options.per_batch)
                any = begin_one(batch) || any;
        }
    }
}

bool S3Client::Worker::begin_one(const BatchPtr& batch)
{
    const auto index = batch->next++;
    try {
        auto transfer = std::make_unique<Transfer>(batch, index, options, clock.now());
        curl_multi_add_handle(multi, transfer->handle());
        transfers.push_back(std::move(transfer));
        ++batch->active;
    } catch (const Error& error) {
        batch->answers[index].problem = error.what();
    }
    return true;
}

void S3Client::Worker::collect()
{
    int left = 0;
    while (const auto* message = curl_multi_info_read(multi, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        char* owner = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
        auto* transfer = reinterpret_cast<Transfer*>(owner);
        transfer->finish(message->data.result);
        end(transfer);
    }
}

void S3Client::Worker::end(Transfer* transfer)
{
    curl_multi_remove_handle(multi, transfer->handle());
    --transfer->batch()->active;
    transfers.remove_if([transfer](const auto& item) { return item.get() == transfer; });
}

void S3Client::Worker::retire()
{
    for (auto it = batches.begin(); it != batches.end();) {
        const auto batch = *it;
        it = batch->ended() ? batches.erase(it) : std::next(it);
        if (batch->ended()) std::exchange(batch->done, nullptr)(batch->cancelled);
    }
}

S3Client::S3Client(Clock& clock, S3ClientOptions options)
    : worker_(std::make_unique<Worker>(clock, std::move(options)))
{}

S3Client::~S3Client() = default;

awaitable<std::vector<S3Answer>> S3Client::send(std::vector<S3Call> calls, S3Keys keys)
{
    if (calls.empty()) co_return std::vector<S3Answer>{};
    auto batch = std::make_shared<Batch>();
    batch->calls = std::move(calls);
    batch->keys = std::move(keys);
    batch->answers.resize(batch->calls.size());
    auto initiate = [](auto handler, Worker* worker, BatchPtr sent) {
        auto home =
            asio::prefer(asio::get_associated_executor(handler), asio::execution::outstanding_work.tracked);
        auto slot = asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected())
            slot.assign([worker, sent](asio::cancellation_type) { worker->cancel(sent); });
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        sent->done = [home, slot, shared](bool cancelled) {
            auto finish = [slot, shared, cancelled]() mutable {
                if (slot.is_connected()) slot.clear();
                std::exception_ptr failure;
                if (cancelled)
                    failure =
                        std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted));
                auto handler = std::move(*shared);
                std::move(handler)(failure);
            };
            asio::post(home, std::move(finish));
        };
        worker->add(sent);
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
        std::move(initiate), asio::use_awaitable, worker_.get(), batch);
    co_return std::move(batch->answers);
}

} // namespace berth
