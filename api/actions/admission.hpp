#pragma once
// What a write of a workspace must obey, whichever way it comes: the verbs of /api/containers and the plain
// resource ask the same rules (W22, W23, W25, W35).

#include "api/actions/bucket_check.hpp"
#include "api/actions/capacity.hpp"
#include "api/http/admission.hpp"
#include "api/types/workspace.hpp"

namespace berth {

/// Label on a workspace: the name of the key that made it, and that it counts for.
inline constexpr std::string_view kOwnerLabel = "dev.berth.owner";
/// Labels that begin so are Berth's own.
inline constexpr std::string_view kReservedLabels = "dev.berth.";

/// The name of a key as the value of a label; what does not fit as it is, is named by its hash.
std::string owner_label(const std::string& key_name);

/// Members that Berth makes when the writer leaves them empty.
struct MadeUp {
    std::optional<std::string> vnc_password; ///< to be shown once
};
MadeUp make_up(WorkspaceSpec& spec);

/// Whether the write asks for a container where none is: then there must be room, a good bucket and a place
/// in the key's limit.
bool asks_for_container(const Workspace* before, const Workspace& after);

/// Owned by main, outlives the server. Everything it refers to outlives it.
class WorkspaceAdmission final : public Admission<Workspace> {
public:
    WorkspaceAdmission(Store& store, BucketCheck& buckets, Capacity& capacity, AdmissionSettings settings);

    // The plain resource.
    void admit(Txn& txn, const Principal& who, const Workspace* before, Workspace& after) const override;
    awaitable<> review(std::optional<Workspace> before, Workspace after) override;

    // The verbs. I/O thread:
    /// Throws Error{Invalid} when there is no such template; fields are named as in the request.
    void check_template(const std::string& org, const std::string& name) const;
    /// The bucket with the credentials that would be used; see BucketCheck.
    awaitable<> check_bucket(S3Source source);
    Capacity& capacity() noexcept { return capacity_; }
    const S3Defaults& s3() const noexcept { return settings_.s3; }

    // db thread:
    /// W35: one more container for its owner. `before` is null for a new one, whose owner is the caller.
    /// Throws HttpError 503 whose Retry-After is when one of the owner's containers stops by itself; a minute
    /// when none will.
    void check_count(Txn& txn, const Principal& who, const Workspace* before) const;

private:
    std::int64_t limit_of(Txn& txn, const std::string& owner) const;

    Store& store_;
    BucketCheck& buckets_;
    Capacity& capacity_;
    AdmissionSettings settings_;
};

} // namespace berth
