// S3 → folder, in batches: while one is put into the folder the next is on its way.

#include "controller/base/log.hpp"
#include "node/file_copy.hpp"
#include "node/filters.hpp"
#include "node/sync_parts.hpp"

#include <boost/asio/experimental/parallel_group.hpp>

#include <filesystem>

namespace berth {

namespace {

constexpr std::size_t kBatchFiles = 256;
constexpr std::int64_t kBatchBytes = 128 << 20;

struct Batch {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::int64_t bytes = 0;
};

std::vector<Batch> make_batches(const std::vector<Wanted>& wanted)
{
    std::vector<Batch> batches;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto size = wanted[i].object.size;
        const bool full = batches.empty() || i - batches.back().begin >= kBatchFiles ||
                          batches.back().bytes + size > kBatchBytes;
        if (full) batches.push_back({.begin = i, .end = i});
        batches.back().end = i + 1;
        batches.back().bytes += size;
    }
    return batches;
}

/// Runs both at the same time and waits for both.
awaitable<> both(awaitable<> one, awaitable<> other)
{
    const auto executor = co_await asio::this_coro::executor;
    auto group =
        asio::experimental::make_parallel_group(asio::co_spawn(executor, std::move(one), asio::deferred),
            asio::co_spawn(executor, std::move(other), asio::deferred));
    auto [order, first, second] =
        co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    if (first) std::rethrow_exception(first);
    if (second) std::rethrow_exception(second);
}

class Fetcher {
public:
    Fetcher(SyncContext& context, std::vector<Wanted> wanted, Place place)
        : context_(context),
          wanted_(std::move(wanted)),
          place_(std::move(place))
    {}

    awaitable<> run(std::function<void(std::int64_t, std::int64_t)> progress)
    {
        const auto batches = make_batches(wanted_);
        if (batches.empty()) co_return;
        for (std::size_t i = 0; i <= batches.size(); ++i) {
            check_abandoned(context_);
            auto coming = i < batches.size() ? download(batches[i], int(i % 2)) : nothing();
            auto going = i > 0 ? put_in_place(batches[i - 1], int((i - 1) % 2)) : nothing();
            co_await both(std::move(coming), std::move(going));
            if (i > 0 && progress)
                progress(std::int64_t(batches[i - 1].end - batches[i - 1].begin), batches[i - 1].bytes);
            if (context_.progressed) co_await context_.progressed();
        }
    }

private:
    static awaitable<> nothing() { co_return; }
    std::string folder(int lane) const { return staging_folder(context_) + "/" + std::to_string(lane); }
    std::string file(int lane, std::size_t number) const
    {
        return folder(lane) + "/" + std::to_string(number);
    }

    awaitable<> download(Batch batch, int lane)
    {
        auto make_room = [&] {
            clear_folder(folder(lane));
            require_space(folder(lane) + "/x", batch.bytes);
        };
        co_await offload(context_.work, make_room);
        std::vector<GetItem> items;
        for (auto i = batch.begin; i < batch.end; ++i)
            items.push_back({wanted_[i].from.empty() ? wanted_[i].path : wanted_[i].from, file(lane, i),
                wanted_[i].object.size});
        results_[lane] = co_await context_.store.get(std::move(items));
        throw_failure(results_[lane]);
    }

    awaitable<> put_in_place(Batch batch, int lane)
    {
        auto work = [&] {
            const FileTree tree(context_.root);
            for (auto i = batch.begin; i < batch.end; ++i) {
                const auto& result = results_[lane][i - batch.begin];
                if (result.outcome != Outcome::Done) continue; // S3 lost it since the list
                if (context_.stop) throw Error{Errc::Unavailable, "the agent is ending"};
                place_one(tree, wanted_[i], file(lane, i), result);
            }
            context_.journal.commit();
            clear_folder(folder(lane));
        };
        co_await offload(context_.work, work);
    }

    void place_one(
        const FileTree& tree, const Wanted& wanted, const std::string& source, const ItemResult& result)
    {
        try {
            place_(tree, {wanted, source, hash_file(source), result.mtime, result.etag});
        } catch (const Error& error) {
            if (error.code() == Errc::Quota) throw;
            // For instance the keys "a" and "a/b", which can't both be files. The object stays in S3.
            log::warning("object skipped", {{"key", printable(wanted.path)}, {"reason", error.what()}});
            context_.unplaceable[wanted.path] = wanted.object.etag;
        }
    }

    SyncContext& context_;
    const std::vector<Wanted> wanted_;
    Place place_;
    ItemResults results_[2];
};

} // namespace

std::string staging_folder(const SyncContext& context) { return context.journal.folder() + "/staging"; }

void clear_folder(const std::string& folder)
{
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    std::filesystem::create_directories(folder);
}

void check_abandoned(const SyncContext& context)
{
    if (context.abandoned && context.abandoned())
        throw Error{Errc::Conflict, "the files are not wanted here any more"};
}

awaitable<> commit(SyncContext& context)
{
    auto body = [&journal = context.journal] { journal.commit(); };
    co_await offload(context.work, body);
}

awaitable<TreeWalk> walk_folder(SyncContext& context)
{
    auto body = [&] { return FileTree(context.root).walk(context.stop, context.folder_opened); };
    co_return co_await offload(context.work, body);
}

awaitable<> fetch_all(SyncContext& context, std::vector<Wanted> wanted, Place place,
    std::function<void(std::int64_t files, std::int64_t bytes)> progress)
{
    Fetcher fetcher(context, std::move(wanted), std::move(place));
    co_await fetcher.run(std::move(progress));
}

std::optional<LocalFile> put_arrived(const FileTree& tree, const Arrived& arrived, std::int64_t mode)
{
    const auto& wanted = arrived.wanted;
    const PutOptions options{.mode = mode, .mtime = arrived.mtime};
    if (wanted.here) return tree.replace(arrived.file, wanted.path, options, *wanted.here);
    tree.remove_folder(wanted.path); // an empty folder of that name is what is left of what was there before
    return tree.put(arrived.file, wanted.path, options);
}

} // namespace berth
