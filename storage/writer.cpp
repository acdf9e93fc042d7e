#include "storage/writer.hpp"

#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"
#include "storage/audit.hpp"
#include "storage/facts.hpp"
#include "storage/folder.hpp"
#include "storage/keys.hpp"

namespace berth::detail {

namespace {

constexpr Revision kTrimStep = 1024;
constexpr std::chrono::hours kForgetEvery{1};
/// Opening the folder again is work, and in vain for as long as the disk refuses.
constexpr Duration kTryEvery = std::chrono::seconds{1};
/// Whatever their age: a store must not grow without end.
constexpr std::uint64_t kMostAudit = 1'000'000;

std::uint64_t as_number(const std::string& text, std::string_view what)
{
    const auto number = parse_revision(text);
    if (!number) throw Error{Errc::Internal, "the database holds a malformed " + std::string(what)};
    return *number;
}

/// What callers are told; the reason is for the log.
std::exception_ptr refusal(const std::exception& reason)
{
    const auto* error = dynamic_cast<const Error*>(&reason);
    if (error && error->wire_code() == kDiskFull)
        return std::make_exception_ptr(
            Error{Errc::Unavailable, "the disk of the store is full: nothing can be changed until there is space"}
                .as(kDiskFull));
    return std::make_exception_ptr(
        Error{Errc::Unavailable, "the store can't be written at present"}.as("STORE_READ_ONLY"));
}

/// Every write: what stands in the log before the last record was synced, see wal_check.hpp.
rocksdb::WriteOptions synced()
{
    rocksdb::WriteOptions options;
    options.sync = true;
    return options;
}

Change change_from(Revision revision, std::string_view value)
{
    auto record = parse_change_value(value);
    return {revision, record.op, make_entry(record.target.plural, std::move(record.text))};
}

} // namespace

Writer::Writer(
    std::string path, rocksdb::Env* env, Clock& clock, Retention keep, std::vector<Migration> migrations)
    : path_(std::move(path)),
      env_(env),
      clock_(clock),
      keep_(keep),
      migrations_(std::move(migrations))
{
    keep_.changes = std::max<std::size_t>(keep_.changes, 1);
}

Database& Writer::database()
{
    if (!database_) throw Error{Errc::Unavailable, "the database is closed"};
    return *database_;
}

void Writer::close() noexcept { database_.reset(); }

Revision Writer::stored_revision()
{
    const auto text = database_->get(Family::Meta, kRevisionName);
    return text ? as_number(*text, "revision") : 0;
}

Loaded Writer::open()
{
    verify_folder(path_, env_, 1 + migrations_.size());
    database_ = std::make_unique<Database>(path_, env_);
    counters_.revision = stored_revision();
    if (const auto last = database_->last_key(Family::Audit)) counters_.audit = parse_number_key(*last);
    migrate();
    Loaded loaded;
    loaded.revision = counters_.revision;
    loaded.values = load_values();
    database_->scan(Family::Objects, "", [&](std::string_view key, std::string_view text) {
        try {
            loaded.entries.push_back(make_entry(key.substr(0, key.find('/')), std::string(text)));
        } catch (const Error& error) {
            throw damaged(path_, "object " + std::string(key) + ": " + error.what());
        }
        return true;
    });
    load_history(loaded);
    return loaded;
}

/// Runs the steps that this folder has not seen. Objects, their index and the version are one write.
void Writer::migrate()
{
    const std::uint64_t current = 1 + migrations_.size();
    const auto text = database_->get(Family::Meta, kSchemaName);
    const auto version = text ? as_number(*text, "schema version") : current;
    if (text && version == current) return;
    Batch batch(*database_, counters_, clock_.now());
    for (auto step = version; step < current; ++step) {
        const auto& migration = migrations_[step - 1];
        log::info("migrating the database", {{"from", step}, {"what", migration.what}});
        for (auto& [key, stored] : batch.with_prefix(Family::Objects, "")) {
            const auto old = make_entry(key.substr(0, key.find('/')), std::move(stored));
            auto object = json::parse(old->text).as_object();
            if (!migration.object(old->plural, object)) continue;
            auto changed = json::serialize(object);
            batch.put_object(make_entry(old->plural, object, std::move(changed)), old);
        }
    }
    batch.put(Family::Meta, kSchemaName, std::to_string(current));
    check(database_->db().Write(synced(), &batch.seal()), "migration");
}

void Writer::load_history(Loaded& loaded)
{
    std::map<Revision, EntryPtr> current; // share what is in the table anyway
    for (const auto& entry : loaded.entries) current.emplace(entry->revision, entry);
    const Revision keep = std::min<Revision>(keep_.changes, loaded.revision);
    trimmed_ = loaded.revision - keep;
    database_->scan(
        Family::Changes, number_key(trimmed_ + 1), [&](std::string_view key, std::string_view value) {
            const auto revision = parse_number_key(key);
            const bool gap = loaded.history.empty() ? false : loaded.history.back().revision + 1 != revision;
            if (gap) loaded.history.clear();
            const auto known = current.find(revision);
            const auto op = static_cast<Op>(value.empty() ? 0 : value[0] - '0');
            if (known != current.end() && op != Op::Deleted)
                loaded.history.push_back({revision, op, known->second});
            else
                loaded.history.push_back(change_from(revision, value));
            return true;
        });
    if (!loaded.history.empty() && loaded.history.back().revision != loaded.revision) loaded.history.clear();
    const auto first = [&] {
        Revision found = trimmed_ + 1;
        database_->scan(Family::Changes, "", [&](std::string_view key, std::string_view) {
            found = parse_number_key(key);
            return false;
        });
        return found;
    };
    trimmed_ = std::min(trimmed_, first() - 1);
}

Labels Writer::load_values()
{
    Labels values;
    database_->scan(Family::Meta, kValuePrefix, [&](std::string_view key, std::string_view value) {
        if (!key.starts_with(kValuePrefix)) return false;
        values.emplace(key.substr(kValuePrefix.size()), value);
        return true;
    });
    return values;
}

Outcome Writer::commit(std::vector<Job> jobs)
{
    Outcome outcome;
    outcome.jobs = std::move(jobs);
    if (broken_ && clock_.tick() < next_try_) {
        outcome.written = false;
        outcome.problem = problem_;
        for (auto& job : outcome.jobs) job.failure = refusal_;
        return outcome;
    }
    try {
        if (broken_) recover(outcome);
        run_jobs(outcome);
    } catch (const std::exception& error) {
        refuse(outcome, error);
    }
    return outcome;
}

void Writer::refuse(Outcome& outcome, const std::exception& error)
{
    if (problem_ != error.what()) log::error("store write failed", {{"error", error.what()}});
    next_try_ = clock_.tick() + kTryEvery;
    problem_ = error.what();
    refusal_ = refusal(error);
    outcome.written = false;
    outcome.problem = broken_ ? problem_ : "";
    for (auto& job : outcome.jobs) job.failure = refusal_;
}

void Writer::run_jobs(Outcome& outcome)
{
    Batch batch(database(), counters_, clock_.now());
    for (auto& job : outcome.jobs) job.failure = batch.run(job.body);
    if (batch.empty()) return;
    auto how = synced();
    how.sync = !planted("store.not-synced");
    auto& sealed = batch.seal();
    const auto start = std::chrono::steady_clock::now(); // microseconds count here: Clock has milliseconds
    const auto status = database_->db().Write(how, &sealed);
    outcome.write_time = std::chrono::steady_clock::now() - start;
    broken_ = !status.ok();
    check(status, "database write");
    counters_ = batch.counters();
    std::move(batch.changes().begin(), batch.changes().end(), std::back_inserter(outcome.changes));
    for (auto& [name, value] : batch.values()) outcome.values.insert_or_assign(name, std::move(value));
    housekeeping();
}

/// While the disk refuses, what is stored can still be read.
void Writer::open_again()
{
    database_.reset();
    std::exception_ptr failure;
    try {
        database_ = std::make_unique<Database>(path_, env_);
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) return;
    try {
        database_ = std::make_unique<Database>(path_, env_, Access::Read);
    } catch (const std::exception& error) {
        log::error("the store can't be read either", {{"error", error.what()}});
    }
    std::rethrow_exception(failure);
}

/// After a failed write nobody knows what reached the disk. Opening the folder again shows it: what is there
/// after all becomes known now, as if it had just been written, so that memory and disk agree.
void Writer::recover(Outcome& outcome)
{
    open_again();
    auto found = counters_;
    found.revision = stored_revision();
    if (const auto last = database_->last_key(Family::Audit)) found.audit = parse_number_key(*last);
    std::vector<Change> changes;
    database_->scan(Family::Changes, number_key(counters_.revision + 1),
        [&](std::string_view key, std::string_view value) {
            changes.push_back(change_from(parse_number_key(key), value));
            return true;
        });
    outcome.values = load_values();
    outcome.changes = std::move(changes);
    counters_ = found;
    broken_ = false;
    problem_.clear();
    log::warning("store opened again after a failed write", {{"revision", counters_.revision}});
}

/// What may be done late or twice; its failure is not the failure of a transaction that is on disk.
void Writer::housekeeping()
{
    try {
        trim_changes();
        const auto now = clock_.now();
        if (now < next_forgetting_) return;
        next_forgetting_ = now + kForgetEvery;
        forget_idempotency(now);
        trim_audit(now);
    } catch (const std::exception& error) {
        log::warning("store housekeeping failed", {{"error", error.what()}});
    }
}

void Writer::trim_changes()
{
    if (counters_.revision < trimmed_ + keep_.changes + kTrimStep) return;
    const auto last = counters_.revision - keep_.changes;
    check(database_->db().DeleteRange(
              synced(), database_->family(Family::Changes), number_key(trimmed_ + 1), number_key(last + 1)),
        "trimming the change log");
    trimmed_ = last;
}

void Writer::forget_idempotency(Time now)
{
    rocksdb::WriteBatch old;
    database_->scan(Family::Idempotency, "", [&](std::string_view key, std::string_view text) {
        const auto record = decode<IdempotencyRecord>(json::parse(text), Unknown::Ignore);
        if (record.at + kIdempotencyLife <= now)
            check(old.Delete(database_->family(Family::Idempotency), {key.data(), key.size()}),
                "database batch");
        return true;
    });
    if (old.Count() > 0) check(database_->db().Write(synced(), &old), "forgetting idempotency records");
}

/// Lines are in the order of time, so what goes is a range at the beginning; the last one stays, because the next
/// number follows from it.
void Writer::trim_audit(Time now)
{
    std::uint64_t keep_from = counters_.audit > kMostAudit ? counters_.audit - kMostAudit : 0;
    if (keep_.audit > Duration{0}) {
        database_->scan(
            Family::Audit, number_key(keep_from + 1), [&](std::string_view key, std::string_view text) {
                const auto record = parse_audit(parse_number_key(key), text);
                if (record.at + keep_.audit > now || record.sequence >= counters_.audit) return false;
                keep_from = record.sequence;
                return true;
            });
    }
    if (keep_from == 0) return;
    check(database_->db().DeleteRange(
              synced(), database_->family(Family::Audit), number_key(0), number_key(keep_from + 1)),
        "trimming the audit log");
}

void Writer::checkpoint(const std::string& folder) { database().checkpoint(folder); }

std::vector<AuditRecord> Writer::audit_log(std::uint64_t after, std::size_t limit)
{
    std::vector<AuditRecord> records;
    if (limit == 0) return records;
    database().scan(Family::Audit, number_key(after + 1), [&](std::string_view key, std::string_view text) {
        records.push_back(parse_audit(parse_number_key(key), text));
        return records.size() < limit;
    });
    return records;
}

} // namespace berth::detail
