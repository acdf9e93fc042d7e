#pragma once
// /api/v1/recovery (docs/OPERATIONS.md): after a restore, what the Swarm runs and the store does not know.

#include "api/http/router.hpp"

namespace berth {

/// A service of this install without an object.
struct KeptService {
    std::string id;   ///< Docker's
    std::string name; ///< Docker's: "ws-…"
    std::string org;
    std::string workspace;
    std::string uid;
    static constexpr std::array docs{std::pair{"id", "Docker's, of the service"},
        std::pair{"workspace",
            "whose container it is; the store has no such workspace, or another one of that name"}};
};
BOOST_DESCRIBE_STRUCT(KeptService, (), (id, name, org, workspace, uid))

struct RecoveryAnswer {
    bool restored = false;
    std::optional<Time> restoredAt;
    std::vector<KeptService> kept;
    static constexpr std::array docs{
        std::pair{"restored",
            "the store is a backup that was put in place: nothing that it does not know is removed"},
        std::pair{"kept", "services of this install without an object, found by the last look at the Swarm"}};
};
BOOST_DESCRIBE_STRUCT(RecoveryAnswer, (), (restored, restoredAt, kept))

/// Owned by main; I/O thread. `kept` is asked at each request and must not block.
class RecoveryAction {
public:
    RecoveryAction(Store& store, std::function<std::vector<KeptService>()> kept)
        : store_(store),
          kept_(std::move(kept))
    {}
    void mount(Router& router);
    awaitable<RecoveryAnswer> show(Call call);
    /// The administrator has seen what is kept: it goes, as anything without an object.
    awaitable<RecoveryAnswer> finish(Call call);

private:
    RecoveryAnswer look() const;

    Store& store_;
    std::function<std::vector<KeptService>()> kept_;
};

} // namespace berth
