#include "reconcilers/orphans.hpp"

#include "api/types/workspace.hpp"
#include "controller/base/log.hpp"
#include "storage/rescue.hpp"
#include "controller/base/planted.hpp"

namespace berth {

namespace {

/// So few may always go; of more, only a minority of all.
constexpr std::size_t kFew = 5;

std::string label(const docker::Service& service, std::string_view name)
{
    const auto found = service.Spec.Labels.find(std::string(name));
    return found == service.Spec.Labels.end() ? "" : found->second;
}

} // namespace

OrphanSweeper::OrphanSweeper(
    Store& store, docker::Client& docker, docker::Observed& observed, std::string install_id)
    : store_(store),
      docker_(docker),
      observed_(observed),
      install_id_(std::move(install_id))
{}

bool OrphanSweeper::is_ours(const docker::Service& service) const
{
    const bool mine = label(service, kInstallLabel) == install_id_ || planted("orphans.all-are-ours");
    return !install_id_.empty() && mine &&
           label(service, kKindLabel) == Workspace::kind().kind;
}

bool OrphanSweeper::is_owned(const docker::Service& service) const
{
    const auto owner =
        store_.find(Workspace::kind().plural, {label(service, kOrgLabel), label(service, kNameLabel)});
    return owner && owner->uid == label(service, kUidLabel);
}

void OrphanSweeper::say_kept(std::size_t before) const
{
    if (unowned_.empty() || unowned_.size() == before) return;
    log::warning("the store was restored from a backup: services that it does not know are kept until an administrator ends "
                 "the recovery",
        {{"services", unowned_.size()}, {"see", "GET /api/v1/recovery"}});
}

awaitable<> OrphanSweeper::sweep()
{
    if (!observed_.synced()) co_return;
    const auto relist = observed_.last_relist();
    std::map<std::string, Tick> suspects;
    std::vector<std::string> confirmed;
    std::size_t ours = 0;
    const auto before = std::exchange(unowned_, {}).size();
    for (const auto& service : observed_.services()) {
        if (!is_ours(*service)) continue;
        ++ours;
        if (is_owned(*service)) continue;
        unowned_.push_back(service);
        const auto known = suspects_.find(service->ID);
        const auto first = known == suspects_.end() ? relist : known->second;
        suspects.emplace(service->ID, first);
        if (first < relist) confirmed.push_back(service->ID);
    }
    suspects_ = std::move(suspects);
    if (!store_.meta(kRestoredName).empty()) {
        say_kept(before);
        co_return;
    }
    if (!store_.write_problem().empty()) co_return;
    if (confirmed.size() > kFew && confirmed.size() * 2 > ours) {
        log::error("most services have no workspace: not removing them; is this the right data folder?",
            {{"services", ours}, {"orphans", confirmed.size()}});
        co_return;
    }
    for (const auto& id : confirmed) {
        log::warning("removing a service without a workspace", {{"service", id}});
        co_await docker_.remove_service(id);
    }
    if (!suspects_.empty()) observed_.poke();
}

} // namespace berth
