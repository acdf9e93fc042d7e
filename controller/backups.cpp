#include "controller/backups.hpp"

#include "controller/base/log.hpp"

#include <filesystem>

namespace berth {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "backup-";
constexpr Duration kRetry = std::chrono::minutes{10};

/// "backup-2026-11-22T03-04-05.678Z": sorts by time.
std::string name_at(Time now)
{
    auto name = std::string(kPrefix) + format_time(now);
    std::replace(name.begin(), name.end(), ':', '-');
    return name;
}

std::optional<Time> time_of(std::string_view name)
{
    auto text = std::string(name.substr(kPrefix.size()));
    if (text.size() < 19 || text[13] != '-' || text[16] != '-') return std::nullopt;
    text[13] = text[16] = ':';
    return parse_time(text);
}

/// Of ours only: a folder of backups may hold anything.
std::vector<std::string> names_in(const std::string& folder)
{
    std::vector<std::string> names;
    std::error_code failure;
    for (fs::directory_iterator it(folder, failure), end; !failure && it != end; it.increment(failure)) {
        const auto name = it->path().filename().string();
        if (name.starts_with(kPrefix) && time_of(name)) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

void prepare(const std::string& folder)
{
    std::error_code failure;
    fs::create_directories(folder, failure);
    if (!failure) fs::permissions(folder, fs::perms::owner_all, failure);
    if (failure) throw Error{Errc::Unavailable, "folder of backups: " + failure.message()};
}

void prune(const std::string& folder, std::size_t keep)
{
    auto names = names_in(folder);
    std::error_code failure;
    for (std::size_t i = 0; i + keep < names.size(); ++i)
        fs::remove_all(fs::path(folder) / names[i], failure);
    if (failure) log::warning("an old backup can't be removed", {{"error", failure.message()}});
}

} // namespace

Backups::Backups(Store& store, Clock& clock, Executor work, BackupSettings settings)
    : store_(store),
      clock_(clock),
      work_(std::move(work)),
      settings_(std::move(settings))
{}

void Backups::mount(Router& router)
{
    Doc list{.summary = "The backups of the store", .tag = "Operation", .roles = kAdmins};
    router.get("/api/v1/backups", std::move(list), &Backups::on_get, this);
    Doc make{.summary = "Back up the store now", .tag = "Operation", .roles = kAdmins};
    make.description = "A consistent copy, in the folder of backups; the oldest ones beyond BACKUP_KEEP go.";
    make.success = 201;
    make.errors = {409};
    router.post<void>("/api/v1/backups", std::move(make), &Backups::on_post, this);
}

awaitable<Backup> Backups::on_post(Call) { co_return co_await make(); }
awaitable<BackupList> Backups::on_get(Call) { co_return co_await list(); }

awaitable<BackupList> Backups::list()
{
    auto look = [folder = settings_.folder] { return names_in(folder); };
    BackupList found;
    for (auto& name : co_await offload(work_, std::move(look)))
        found.items.push_back({name, settings_.folder + "/" + name});
    co_return found;
}

awaitable<Backup> Backups::make()
{
    if (busy_) throw Error{Errc::Conflict, "a backup is being made"};
    busy_ = true;
    const std::shared_ptr<void> done(nullptr, [this](void*) { busy_ = false; });
    const auto name = name_at(clock_.now());
    Backup made{name, settings_.folder + "/" + name};
    auto before = [folder = settings_.folder] { prepare(folder); };
    co_await offload(work_, std::move(before));
    co_await store_.checkpoint(made.path);
    auto after = [folder = settings_.folder, keep = settings_.keep] { prune(folder, keep); };
    co_await offload(work_, std::move(after));
    log::info("backup made", {{"path", made.path}, {"revision", std::to_string(store_.revision())}});
    co_return made;
}

awaitable<Duration> Backups::until_due()
{
    const auto all = co_await list();
    const auto last = all.items.empty() ? std::nullopt : time_of(all.items.back().name);
    if (!last) co_return Duration{0};
    const auto age = std::chrono::duration_cast<Duration>(clock_.now() - *last);
    co_return std::clamp(settings_.interval - age, Duration{0}, settings_.interval);
}

awaitable<> Backups::run()
{
    if (settings_.interval <= Duration{0}) co_return;
    for (;;) {
        const auto wait = co_await until_due();
        co_await clock_.sleep(wait);
        std::string problem;
        try {
            co_await make();
        } catch (const Error& error) {
            problem = error.what();
        }
        if (problem.empty()) continue;
        log::error("the store can't be backed up", {{"error", problem}});
        co_await clock_.sleep(kRetry);
    }
}

} // namespace berth
