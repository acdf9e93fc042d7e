#include "storage/store.hpp"

#include "storage/core.hpp"

namespace berth {

Store::Store(std::shared_ptr<detail::Core> core) : core_(std::move(core)) {}

Store::~Store() { core_->abandon(); }

awaitable<std::unique_ptr<Store>> Store::open(StoreOptions options)
{
    auto core = std::make_shared<detail::Core>(std::move(options));
    co_await core->open();
    co_return std::unique_ptr<Store>(new Store(std::move(core)));
}

// Each coroutine below keeps the core alive on its own: the store may be destroyed while it waits.

awaitable<> Store::close()
{
    auto core = core_;
    co_await core->close();
}

awaitable<> Store::commit(std::function<void(Txn&)> body)
{
    auto core = core_;
    co_await core->commit(std::move(body));
}

awaitable<> Store::checkpoint(std::string folder)
{
    auto core = core_;
    co_await core->checkpoint(std::move(folder));
}

awaitable<> Store::try_to_write()
{
    auto core = core_;
    std::function<void(Txn&)> nothing = [](Txn&) {};
    co_await core->commit(std::move(nothing));
}

awaitable<> Store::set_meta(std::string name, std::string value)
{
    auto core = core_;
    std::function<void(Txn&)> set = [name = std::move(name), value = std::move(value)](
                                        Txn& txn) { txn.set_meta(name, value); };
    co_await core->commit(std::move(set));
}

awaitable<std::vector<AuditRecord>> Store::audit_log(std::uint64_t after, std::size_t limit)
{
    auto core = core_;
    co_return co_await core->audit_log(after, limit);
}

EntryPtr Store::find(std::string_view plural, const Key& key) const { return core_->find(plural, key); }

std::vector<EntryPtr> Store::entries(std::string_view plural, const Selector& selector) const
{
    return core_->entries(plural, selector, std::nullopt, std::numeric_limits<std::size_t>::max());
}

std::vector<EntryPtr> Store::entries_after(std::string_view plural, const Selector& selector,
    const std::optional<Key>& after, std::size_t limit) const
{
    return core_->entries(plural, selector, after, limit);
}

std::size_t Store::count(std::string_view plural) const { return core_->count(plural); }
Revision Store::revision() const noexcept { return core_->revision(); }
const std::string& Store::write_problem() const noexcept { return core_->write_problem(); }
std::string Store::meta(std::string_view name) const { return core_->value(name); }

std::unique_ptr<Watch> Store::watch(std::string plural, Revision after)
{
    return core_->watch(std::move(plural), after);
}

void Store::on_commit(std::function<void(const Change&)> callback) { core_->on_commit(std::move(callback)); }

} // namespace berth
