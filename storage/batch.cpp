#include "storage/batch.hpp"

#include "storage/keys.hpp"

namespace berth::detail {

namespace {
rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
} // namespace

Batch::Batch(Database& database, Counters counters, Time now)
    : database_(database),
      counters_(counters),
      now_(now),
      batch_(
          rocksdb::BytewiseComparator(), 0, /* overwrite_key, needed to iterate over batch and base */ true)
{}

std::exception_ptr Batch::run(const std::function<void(Txn&)>& body)
{
    const auto counters = counters_;
    const auto changes = changes_.size();
    const auto values = values_;
    batch_.SetSavePoint();
    try {
        Txn txn{*this};
        body(txn);
        batch_.PopSavePoint();
        return nullptr;
    } catch (...) {
        auto failure = std::current_exception();
        batch_.RollbackToSavePoint();
        counters_ = counters;
        changes_.resize(changes);
        values_ = values;
        return failure;
    }
}

rocksdb::WriteBatch& Batch::seal()
{
    put(Family::Meta, kRevisionName, std::to_string(counters_.revision));
    return *batch_.GetWriteBatch();
}

std::optional<std::string> Batch::get(Family family, std::string_view key)
{
    std::string value;
    const auto status =
        batch_.GetFromBatchAndDB(&database_.db(), {}, database_.family(family), slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    check(status, "database read");
    return value;
}

std::vector<std::pair<std::string, std::string>> Batch::with_prefix(Family family, const std::string& prefix)
{
    std::vector<std::pair<std::string, std::string>> found;
    auto* handle = database_.family(family);
    const std::unique_ptr<rocksdb::Iterator> it(
        batch_.NewIteratorWithBase(handle, database_.db().NewIterator({}, handle)));
    for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next())
        found.emplace_back(it->key().ToString(), it->value().ToString());
    check(it->status(), "database read");
    return found;
}

void Batch::put(Family family, std::string_view key, std::string_view value)
{
    check(batch_.Put(database_.family(family), slice(key), slice(value)), "database batch");
}

void Batch::erase(Family family, std::string_view key)
{
    check(batch_.Delete(database_.family(family), slice(key)), "database batch");
}

void Batch::put_object(const EntryPtr& entry, const EntryPtr& old)
{
    put(Family::Objects, object_key(entry->plural, entry->key), entry->text);
    const auto now = index_keys(*entry);
    const auto before = old ? index_keys(*old) : std::vector<std::string>{};
    for (const auto& key : before)
        if (!std::binary_search(now.begin(), now.end(), key)) erase(Family::Index, key);
    for (const auto& key : now)
        if (!std::binary_search(before.begin(), before.end(), key)) put(Family::Index, key, {});
}

void Batch::erase_object(const EntryPtr& old)
{
    erase(Family::Objects, object_key(old->plural, old->key));
    for (const auto& key : index_keys(*old)) erase(Family::Index, key);
}

void Batch::record(Op op, const EntryPtr& entry)
{
    Change change{entry->revision, op, entry};
    put(Family::Changes, number_key(change.revision), change_value(change));
    changes_.push_back(std::move(change));
}

void Batch::set_value(std::string_view name, std::string_view value)
{
    put(Family::Meta, std::string(kValuePrefix).append(name), value);
    values_.insert_or_assign(std::string(name), std::string(value));
}

} // namespace berth::detail
