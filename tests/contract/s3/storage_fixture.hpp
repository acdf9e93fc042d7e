#pragma once
// The fixture of the contract: files to send and to receive, and calls for one object.

#include "tests/contract/s3/storage_side.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

template <class Side> class Storage : public testing::Test {
protected:
    void SetUp() override
    {
        if (const auto why = side_.missing(); !why.empty()) GTEST_SKIP() << why;
    }
    ObjectStore& store() { return side_.store(); }
    template <class T> T call(awaitable<T> work)
    {
        return run_to_end(side_.io, std::move(work), std::chrono::seconds{60});
    }
    PutItem item(const std::string& path, const std::string& text, Expect expect = {})
    {
        const auto file = side_.folder / ("out-" + std::to_string(++files_));
        write_text(file, text);
        return {.path = path,
            .file = file,
            .size = std::int64_t(text.size()),
            .mtime = kMtime + files_,
            .sha256 = hash_file(file).sha256,
            .expect = std::move(expect)};
    }
    ItemResult put(const std::string& path, const std::string& text, Expect expect = {})
    {
        return put(item(path, text, std::move(expect)));
    }
    ItemResult put(PutItem one)
    {
        std::vector<PutItem> items;
        items.push_back(std::move(one));
        return call(store().put(std::move(items))).at(0);
    }
    /// The content, or "(Missing)".
    std::string read(const std::string& path)
    {
        const auto result = get(path);
        if (result.outcome == Outcome::Missing) return "(Missing)";
        if (result.failure) return result.failure->what();
        return read_file(file_);
    }
    ItemResult get(const std::string& path, std::int64_t size = 100)
    {
        file_ = side_.folder / ("in-" + std::to_string(++files_));
        std::vector<GetItem> items;
        items.push_back({path, file_, size});
        return call(store().get(std::move(items))).at(0);
    }
    ItemResult copy(const std::string& from, const std::string& to, const std::string& etag = "")
    {
        std::vector<CopyItem> items;
        items.push_back({from, to, 100, etag});
        return call(store().copy(std::move(items))).at(0);
    }
    Outcome remove(const std::string& path, const std::string& etag = "")
    {
        std::vector<RemoveItem> items;
        items.push_back({path, etag});
        const auto result = call(store().remove(std::move(items))).at(0);
        if (result.failure) ADD_FAILURE() << result.failure->what();
        return result.outcome;
    }
    std::optional<RemoteFile> head(const std::string& path)
    {
        Paths paths;
        paths.push_back(path);
        const auto found = call(store().head(std::move(paths)));
        return found.contains(path) ? std::optional(found.at(path)) : std::nullopt;
    }
    RemoteFiles list() { return call(store().list()).files; }
    std::vector<std::string> paths()
    {
        std::vector<std::string> names;
        for (const auto& [path, file] : list()) names.push_back(path);
        return names;
    }
    static Expect absent() { return {.kind = Expect::Kind::Absent}; }
    static Expect version(std::string etag)
    {
        return {.kind = Expect::Kind::Version, .etag = std::move(etag)};
    }

    static constexpr std::int64_t kMtime = 1'700'000'000'123'456'000;
    Side side_;
    std::string file_; ///< of the last get()
    int files_ = 0;
};

} // namespace berth
