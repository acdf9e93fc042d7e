#include "controller/tools.hpp"

#include "api/types/api_key.hpp"
#include "api/types/node.hpp"
#include "api/types/edge.hpp"
#include "api/types/warm_pool.hpp"
#include "api/types/workspace_report.hpp"
#include "api/types/workspace_template.hpp"
#include "storage/rescue.hpp"

#include <iostream>

namespace berth {

const char* const kToolsHelp = "berthd fsck [DIR]         checks a store that is not in use (DATA_DIR, or a "
                               "backup): every checksum, object, index\n"
                               "                          entry and record. Changes nothing. 0: whole, 1: "
                               "problems, 2: can't be checked\n"
                               "berthd backup DIR         copies the store of a berthd that is stopped; one "
                               "that runs makes backups by itself and by\n"
                               "                          POST /api/v1/backups\n"
                               "berthd restore BACKUP     puts a backup in the place of the store of a "
                               "berthd that is stopped; what was there is\n"
                               "                          moved aside\n";

namespace {

template <Kind K> std::string misfit_of(const json::value& value)
{
    K object{};
    Problems problems;
    decode_into(value, object, Unknown::Ignore, "", problems);
    return problems.empty() ? "" : problems.front().field + ": " + problems.front().problem;
}

template <Kind... Ks> std::string misfit_in(std::string_view plural, const json::value& value)
{
    std::string misfit = "a kind that this version does not know";
    const auto one = [&]<Kind K>() {
        if (K::kind().plural == plural) misfit = misfit_of<K>(value);
    };
    (one.template operator()<Ks>(), ...);
    return misfit;
}

std::string misfit(std::string_view plural, const json::value& value)
{
    return misfit_in<Workspace, WorkspaceReport, WorkspaceTemplate, WarmPool, Node, EdgeNetwork, NodeReport,
        ApiKey>(plural, value);
}

/// Somebody may have taken a slot since the backup, and have files in it: nobody else may get it.
bool is_slot(std::string_view plural, const json::object& object)
{
    if (plural != Workspace::kind().plural) return false;
    const json::value value(object);
    boost::system::error_code failure;
    const auto* pool = value.find_pointer("/spec/pool", failure);
    return pool && pool->is_string() && !pool->get_string().empty();
}

int check(const std::string& folder)
{
    const auto report = fsck(folder, misfit);
    std::cout << folder << ": schema " << report.schema << ", revision " << report.revision << ", "
              << report.objects << " objects, " << report.index_entries << " index entries, "
              << report.changes << " changes, " << report.audit_lines << " audit lines, "
              << report.idempotency_records << " idempotency records\n";
    if (!report.restored.empty()) std::cout << "restored from a backup at " << report.restored << "\n";
    for (const auto& note : report.notes) std::cout << "note: " << note << "\n";
    for (const auto& problem : report.problems) std::cout << "problem: " << problem << "\n";
    if (report.problems.empty()) {
        std::cout << "clean\n";
        return 0;
    }
    std::cout << "damaged: stop berthd and run `berthd restore BACKUP`\n";
    return 1;
}

int copy(const std::string& folder, const std::string& to)
{
    try {
        back_up(folder, to);
    } catch (const Error& error) {
        const std::string text = error.what();
        if (text.find("in use") == std::string::npos) throw;
        std::cerr << "berthd: " << text << ". A berthd that runs makes one with POST /api/v1/backups\n";
        return 2;
    }
    std::cout << "backup of " << folder << " in " << to << "\n";
    return 0;
}

int put_back(const std::string& backup, const std::string& folder)
{
    const auto done = restore(backup, folder, SystemClock{}.now(), is_slot);
    if (!done.aside.empty()) std::cout << "the store that was there is in " << done.aside << "\n";
    if (done.let_go > 0)
        std::cout << done.let_go
                  << " unclaimed slots of pools were left out: they may have been claimed since\n";
    std::cout << backup << " is in place at " << folder << ", revision " << done.revision
              << ". Start berthd, look at GET /api/v1/recovery, and end the recovery when nothing of it is "
                 "missed\n";
    return 0;
}

} // namespace

bool is_tool(const std::string& name) { return name == "fsck" || name == "backup" || name == "restore"; }

int run_tool(const std::vector<std::string>& arguments, const std::string& data_dir)
{
    const auto& name = arguments.at(0);
    const bool fits = name == "fsck" ? arguments.size() <= 2 : arguments.size() == 2;
    if (!fits || (arguments.size() == 2 && arguments[1].empty())) {
        std::cerr << "usage:\n" << kToolsHelp;
        return 2;
    }
    try {
        if (name == "fsck") return check(arguments.size() == 2 ? arguments[1] : data_dir);
        if (name == "backup") return copy(data_dir, arguments[1]);
        return put_back(arguments[1], data_dir);
    } catch (const Error& error) {
        std::cerr << "berthd " << name << ": " << error.what() << "\n";
        return error.code() == Errc::Internal ? 1 : 2;
    }
}

} // namespace berth
