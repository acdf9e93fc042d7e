#include "storage/batch.hpp"

#include "controller/base/planted.hpp"
#include "storage/facts.hpp"
#include "storage/keys.hpp"

namespace berth::detail {

namespace {

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

std::string tagged(Family family, std::string_view key)
{
    std::string name(1, static_cast<char>('a' + static_cast<int>(family)));
    return name.append(key);
}

} // namespace

Batch::Batch(Database& database, Counters counters, Time now)
    : database_(database),
      counters_(counters),
      now_(now)
{}

std::exception_ptr Batch::run(const std::function<void(Txn&)>& body)
{
    const auto counters = counters_;
    const auto changes = changes_.size();
    const auto values = values_;
    undo_.clear();
    batch_.SetSavePoint();
    try {
        Txn txn{*this};
        body(txn);
        check(batch_.PopSavePoint(), "database batch");
        return nullptr;
    } catch (...) {
        auto failure = std::current_exception();
        roll_back();
        counters_ = counters;
        changes_.resize(changes);
        values_ = values;
        return failure;
    }
}

void Batch::roll_back()
{
    batch_.RollbackToSavePoint();
    for (auto step = undo_.rbegin(); step != undo_.rend(); ++step) {
        if (step->before)
            step->at->second = std::move(*step->before);
        else
            overlay_.erase(step->at);
    }
    undo_.clear();
}

rocksdb::WriteBatch& Batch::seal()
{
    if (!planted("store.revision-not-kept"))
        put(Family::Meta, kRevisionName, std::to_string(counters_.revision));
    return batch_;
}

const Batch::Pending* Batch::pending(Family family, std::string_view key) const
{
    const auto found = overlay_.find(tagged(family, key));
    return found == overlay_.end() ? nullptr : &found->second;
}

void Batch::remember(Family family, std::string_view key, Pending now)
{
    const auto [place, fresh] = overlay_.try_emplace(tagged(family, key));
    undo_.push_back({place, fresh ? std::nullopt : std::optional(std::move(place->second))});
    place->second = std::move(now);
}

/// Nobody else writes while the batch is made: who creates an object asks for it twice, the database once.
std::optional<std::string> Batch::stored(Family family, std::string_view key)
{
    if (family == Family::Objects && key == absent_) return std::nullopt;
    auto value = database_.get(family, key);
    if (!value && family == Family::Objects) absent_ = key;
    return value;
}

std::optional<std::string> Batch::get(Family family, std::string_view key)
{
    if (const auto* known = pending(family, key)) return known->entry ? known->entry->text : known->value;
    return stored(family, key);
}

EntryPtr Batch::object(std::string_view plural, const Key& key)
{
    const auto name = object_key(plural, key);
    if (const auto* known = pending(Family::Objects, name)) return known->entry;
    auto text = stored(Family::Objects, name);
    return text ? make_entry(plural, std::move(*text)) : nullptr;
}

std::vector<std::pair<std::string, std::string>> Batch::with_prefix(Family family, const std::string& prefix)
{
    std::vector<std::pair<std::string, std::string>> found;
    const auto start = tagged(family, prefix);
    auto mine = overlay_.lower_bound(start);
    const auto more = [&] { return mine != overlay_.end() && mine->first.starts_with(start); };
    const auto mine_key = [&] { return std::string_view(mine->first).substr(1); };
    const auto take = [&] {
        const auto& [value, entry] = mine->second;
        if (entry || value) found.emplace_back(mine_key(), entry ? entry->text : *value);
        ++mine;
    };
    database_.scan(family, prefix, [&](std::string_view key, std::string_view value) {
        if (!key.starts_with(prefix)) return false;
        while (more() && mine_key() < key) take();
        if (more() && mine_key() == key)
            take(); // written over
        else
            found.emplace_back(key, value);
        return true;
    });
    while (more()) take();
    return found;
}

void Batch::put(Family family, std::string_view key, std::string_view value)
{
    check(batch_.Put(database_.family(family), slice(key), slice(value)), "database batch");
    if (family == Family::Changes || family == Family::Audit) return;
    remember(family, key, {std::string(value), nullptr});
}

void Batch::erase(Family family, std::string_view key)
{
    check(batch_.Delete(database_.family(family), slice(key)), "database batch");
    remember(family, key, {});
}

void Batch::put_object(const EntryPtr& entry, const EntryPtr& old)
{
    const auto name = object_key(entry->plural, entry->key);
    check(batch_.Put(database_.family(Family::Objects), slice(name), slice(entry->text)), "database batch");
    remember(Family::Objects, name, {std::nullopt, entry});
    const auto now = index_keys(*entry);
    const auto before = old ? index_keys(*old) : std::vector<std::string>{};
    for (const auto& key : before)
        if (!std::binary_search(now.begin(), now.end(), key)) erase(Family::Index, key);
    if (planted("store.index-not-written")) return;
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
