#pragma once
// Whether a bucket can hold a workspace's files: it exists, and the credentials may list, read, write and
// delete (W25).

#include "api/actions/s3_transfer.hpp"
#include "api/actions/settings.hpp"
#include "controller/base/async.hpp"

#include <map>
#include <memory>

namespace berth {

/// What else has come out about a fit bucket.
struct BucketFacts {
    /// `If-None-Match: *` was obeyed. Seen only where the probe object was there already; what two writers at
    /// the same moment may do the node's agent finds out (a second writer here would wait a second for the
    /// first).
    bool conditional_put = false;
};

/// The seam between the API and object storage; a test puts a fake behind it.
struct BucketCheck {
    virtual ~BucketCheck() = default;
    /// Returns when the bucket is fit. Throws Error{Invalid} as INVALID_S3_BUCKET with the reason, and
    /// Error{Unavailable} as S3_UNAVAILABLE when the server can't say now; never with a secret, and with
    /// nothing of a reply but S3's word for the error.
    virtual awaitable<BucketFacts> check(S3Source source) = 0;
};

namespace s3 {

/// The answers of a round.
struct Probes {
    Outcome head;
    Outcome list;
    Outcome get;
    Outcome remove;
    Outcome put;
};

/// Whose fault it is.
enum class Fault {
    none,   ///< the bucket is fit
    source, ///< bucket, keys or server: the same request will fail again
    silent, ///< the server does not answer
    server, ///< it answers, but can't do it now: too busy, or in trouble of its own
};
struct Verdict {
    Fault fault = Fault::none;
    std::string problem; ///< for a person
};
/// The bucket, the server and the keys first, then every right that is missing, by name. Pure.
Verdict verdict_of(const Probes& probes);
/// The store does not know conditions: whether one may write is to be asked without. Pure.
bool wants_plain_put(const Probes& probes);
/// Of a fit bucket. Pure.
BucketFacts facts_of(const Probes& probes);

} // namespace s3

/// The real one: signed requests (SigV4, path style) on the work executor, one round of parallel ones: HEAD
/// bucket, LIST one, GET the probe, DELETE an object that is not there, and PUT the probe on condition that
/// it is not there. A store that does not know the condition costs a second round. The probe is
/// <prefix>/.berth/probe and stays. A success is remembered for a while, a failure is not. Servers other than
/// the install's are connected to only at addresses that the rules of the settings allow. Owned by main; I/O
/// thread.
class S3BucketCheck final : public BucketCheck {
public:
    S3BucketCheck(Executor work, Clock& clock, BucketCheckSettings settings = {});
    ~S3BucketCheck() override;
    awaitable<BucketFacts> check(S3Source source) override;

private:
    struct Known {
        Tick until;
        BucketFacts facts;
    };
    bool is_own(const S3Source& source) const;
    void refuse(const S3Source& source, const s3::Verdict& verdict, bool unknown_host) const;
    void remember(std::string key, BucketFacts facts);

    Executor work_;
    Clock& clock_;
    BucketCheckSettings settings_;
    std::map<std::string, Known> known_; ///< by a hash over everything that counts
};

} // namespace berth
