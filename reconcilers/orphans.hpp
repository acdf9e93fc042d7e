#pragma once
// Services that our install made and no workspace owns any more: what a crash between two writes can leave.

#include "docker/observed.hpp"
#include "storage/store.hpp"

#include <map>
#include <string>

namespace berth {

/// Owned by main; call sweep() every so often on the I/O thread (Manager::every). A service goes when two
/// relists, one after the other, agree that it carries our install id and kind and that its workspace (by
/// uid) does not exist. Anything else is never touched. When most services seem to be orphans the store is
/// what is wrong (another data folder, an old backup): then nothing is removed, and the log says so. In a store that
/// was restored (kRestoredName) nothing is removed until an administrator says so: a workspace made after the backup looks
/// like an orphan. Nor while the store can't be written.
class OrphanSweeper {
public:
    OrphanSweeper(Store& store, docker::Client& docker, docker::Observed& observed, std::string install_id);

    awaitable<> sweep();
    /// Services of ours without an object, by the last sweep.
    const std::vector<docker::ServicePtr>& unowned() const noexcept { return unowned_; }

private:
    bool is_ours(const docker::Service& service) const;
    bool is_owned(const docker::Service& service) const;
    void say_kept(std::size_t before) const;

    Store& store_;
    docker::Client& docker_;
    docker::Observed& observed_;
    std::string install_id_;
    std::vector<docker::ServicePtr> unowned_;
    std::map<std::string, Tick>
        suspects_; ///< by service id: the relist that first showed it without an owner
};

} // namespace berth
