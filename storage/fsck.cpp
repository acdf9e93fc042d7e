#include "storage/audit.hpp"
#include "storage/database.hpp"
#include "storage/facts.hpp"
#include "storage/folder.hpp"
#include "storage/keys.hpp"
#include "storage/rescue.hpp"

#include <set>

namespace berth {

namespace {

using namespace detail;

/// Of one sort; the rest is counted.
constexpr int kMostOfASort = 5;

class Fsck {
public:
    Fsck(Database& database, const ObjectCheck& check, FsckReport& report)
        : database_(database),
          check_(check),
          report_(report)
    {}
    void run();

private:
    /// Runs one part; what it throws is a problem.
    template <class Part> void part(const char* name, Part part);
    void problem(const std::string& sort, const std::string& text);
    void object(std::string_view key, std::string_view text);
    void index();
    void changes();
    void numbers();

    Database& database_;
    const ObjectCheck& check_;
    FsckReport& report_;
    std::set<std::string> expected_; ///< index entries
    std::map<std::string, int> counts_;
};

template <class Part> void Fsck::part(const char* name, Part part)
{
    try {
        part();
    } catch (const std::exception& error) {
        problem(name, error.what());
    }
}

void Fsck::problem(const std::string& sort, const std::string& text)
{
    const auto count = ++counts_[sort];
    if (count <= kMostOfASort) report_.problems.push_back(sort + ": " + text);
    if (count == kMostOfASort + 1) report_.problems.push_back(sort + ": … and more of these");
}

void Fsck::numbers()
{
    const auto revision = database_.get(Family::Meta, kRevisionName);
    const auto schema = database_.get(Family::Meta, kSchemaName);
    const auto number = revision ? parse_revision(*revision) : Revision{0};
    if (!number) problem("revision", "is no number");
    report_.revision = number.value_or(0);
    report_.schema = schema ? parse_revision(*schema).value_or(0) : 0;
    if (schema && report_.schema == 0) problem("schema version", "is no number");
    report_.restored =
        database_.get(Family::Meta, std::string(kValuePrefix).append(kRestoredName)).value_or("");
}

void Fsck::object(std::string_view key, std::string_view text)
{
    ++report_.objects;
    const auto plural = key.substr(0, key.find('/'));
    const std::string name(key);
    EntryPtr entry;
    part("object", [&] {
        try {
            entry = make_entry(plural, std::string(text));
        } catch (const std::exception& error) {
            throw Error{Errc::Internal, name + ": " + error.what()};
        }
    });
    if (!entry) return;
    if (object_key(plural, entry->key) != key)
        problem("object", name + ": says that it is " + to_string(entry->key));
    if (entry->revision == 0 || entry->revision > report_.revision)
        problem("object",
            name + ": its resourceVersion " + std::to_string(entry->revision) + " was never given out");
    for (auto& index : index_keys(*entry)) expected_.insert(std::move(index));
    if (!check_) return;
    if (auto misfit = check_(plural, json::parse(entry->text)); !misfit.empty())
        report_.notes.push_back(name + ": " + misfit);
}

void Fsck::index()
{
    const auto name = [](std::string key) {
        std::replace(key.begin(), key.end(), '\0', ' ');
        return key;
    };
    database_.scan(Family::Index, "", [&](std::string_view key, std::string_view) {
        ++report_.index_entries;
        if (expected_.erase(std::string(key)) == 0)
            problem("index", "an entry that no object has: " + name(std::string(key)));
        return true;
    });
    for (const auto& missing : expected_) problem("index", "an entry is missing: " + name(missing));
}

/// Without gaps up to the last revision; after a restore there is none.
void Fsck::changes()
{
    Revision last = 0;
    database_.scan(Family::Changes, "", [&](std::string_view key, std::string_view value) {
        const auto revision = parse_number_key(key);
        if (key.size() != 8) problem("change log", "a malformed key");
        if (last != 0 && revision != last + 1)
            problem("change log", "changes " + std::to_string(last + 1) + " to " +
                                      std::to_string(revision - 1) + " are missing");
        last = revision;
        ++report_.changes;
        part("change log", [&] {
            const auto record = parse_change_value(value);
            const auto entry = make_entry(record.target.plural, record.text);
            if (entry->revision != revision)
                throw Error{Errc::Internal,
                    "change " + std::to_string(revision) + " has an object of another revision"};
        });
        return true;
    });
    if (last > report_.revision || (last != 0 && last < report_.revision))
        problem("change log",
            "ends at " + std::to_string(last) + ", the last revision is " + std::to_string(report_.revision));
    if (last == 0 && report_.revision != 0 && report_.restored.empty())
        problem("change log", "is empty, the last revision is " + std::to_string(report_.revision));
}

void Fsck::run()
{
    part("meta", [&] { numbers(); });
    part("objects", [&] {
        database_.scan(Family::Objects, "", [&](std::string_view key, std::string_view text) {
            object(key, text);
            return true;
        });
    });
    part("index", [&] { index(); });
    part("change log", [&] { changes(); });
    part("audit log", [&] {
        database_.scan(Family::Audit, "", [&](std::string_view key, std::string_view text) {
            ++report_.audit_lines;
            part("audit log", [&] { parse_audit(parse_number_key(key), text); });
            return true;
        });
    });
    part("idempotency records", [&] {
        database_.scan(Family::Idempotency, "", [&](std::string_view key, std::string_view text) {
            ++report_.idempotency_records;
            part("idempotency records", [&] {
                const auto record = decode<IdempotencyRecord>(json::parse(text), Unknown::Ignore);
                if (record.key != key) throw Error{Errc::Internal, "one is stored under another key"};
            });
            return true;
        });
    });
}

} // namespace

FsckReport fsck(const std::string& folder, const ObjectCheck& check)
{
    auto& env = *rocksdb::Env::Default();
    FsckReport report;
    std::optional<FolderLock> lock;
    try {
        if (!holds_database(env, folder)) throw Error{Errc::NotFound, "there is no store in " + folder};
        // A copy has no such file, and may be on a medium that can't be written.
        if (env.FileExists(folder + "/LOCK").ok()) lock.emplace(env, folder);
        verify_files(folder, nullptr, 1 + store_migrations().size());
    } catch (const Error& error) {
        if (error.code() != Errc::Internal && error.code() != Errc::Conflict) throw;
        report.problems.push_back(error.what());
    }
    std::unique_ptr<Database> database;
    try {
        database = std::make_unique<Database>(folder, nullptr, Access::Read);
    } catch (const Error&) {
        if (report.problems.empty()) throw;
        return report; // what is wrong has been said
    }
    Fsck{*database, check, report}.run();
    return report;
}

} // namespace berth
