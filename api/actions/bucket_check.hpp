#pragma once
// Whether a bucket can hold a workspace's files: it exists, and the credentials may list, write, read and
// delete (W25).

#include "api/actions/settings.hpp"
#include "controller/base/async.hpp"

#include <map>
#include <memory>

namespace berth {

/// The seam between the API and object storage; a test puts a fake behind it.
struct BucketCheck {
    virtual ~BucketCheck() = default;
    /// Returns when the bucket is fit. Throws Error{Invalid} as INVALID_S3_BUCKET with the reason; never a
    /// secret.
    virtual awaitable<> check(S3Source source) = 0;
};

/// The real one: signed requests (SigV4, path style) on the work executor, all of a round at once:
/// HEAD bucket + LIST one + PUT probe, then GET probe, then DELETE probe. The probe is an object of its own
/// under <prefix>/.berth/. http and https only, no redirects. A success is remembered for a while, a failure
/// is not. Owned by main; I/O thread.
class S3BucketCheck final : public BucketCheck {
public:
    S3BucketCheck(Executor work, Clock& clock, BucketCheckSettings settings = {});
    ~S3BucketCheck() override;
    awaitable<> check(S3Source source) override;

private:
    Executor work_;
    Clock& clock_;
    BucketCheckSettings settings_;
    std::map<std::string, Tick> good_until_; ///< by a hash over everything that counts
};

namespace s3 {

/// Percent-encodes for SigV4: all but A-Z a-z 0-9 - _ . ~ (and '/' when `keep_slashes`).
std::string encode(std::string_view text, bool keep_slashes);
/// Names and values sorted and encoded, "location=" for an empty value: what the signature is made over.
std::string canonical_query(const std::map<std::string, std::string>& query);
/// "https://s3.eu-central-1.amazonaws.com" when the source names no endpoint; without a slash at the end.
std::string endpoint_of(const S3Source& source);
/// Path style: <endpoint>/<bucket>[/<key>][?query].
std::string url_of(
    const S3Source& source, std::string_view key, const std::map<std::string, std::string>& query);

/// What went wrong, for a person. `what` is "list", "write", …; `status` 0 = no answer.
std::string problem_of(
    std::string_view what, long status, std::string_view body, std::string_view transport_error);

} // namespace s3

} // namespace berth
