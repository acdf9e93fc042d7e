#include "api/actions/bucket_check.hpp"

#include "api/actions/source_rules.hpp"
#include "controller/base/log.hpp"
#include "controller/base/random.hpp"

#include <algorithm>
#include <array>

namespace berth {

namespace {

constexpr const char* kProbeText = "berth checks that it can write here\n";

bool one_of(const std::string& code, std::initializer_list<std::string_view> codes)
{
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

std::string with_code(std::string text, const s3::Outcome& outcome)
{
    return outcome.code.empty() ? text : text + " (" + outcome.code + ")";
}

/// The condition was not met: there is such an object already, or somebody is just making it.
bool met(const s3::Outcome& outcome) { return outcome.status == 412 || outcome.status == 409; }

s3::Verdict silent(const s3::Outcome& outcome)
{
    return {s3::Fault::silent, "the S3 endpoint does not answer: " + outcome.transport};
}

/// The same request may succeed a moment later. S3 says RequestTimeout with a 400.
bool passes(const s3::Outcome& outcome)
{
    return outcome.status == 429 || (outcome.status >= 500 && outcome.status != 501) ||
           one_of(outcome.code, {"SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError"});
}

/// What is wrong before any right counts: the server, the bucket, the keys.
std::string wrong_place(const s3::Outcome& outcome)
{
    if (outcome.refused) return "the S3 endpoint can't be found, or is not on the public internet";
    if ((outcome.status >= 300 && outcome.status < 400) ||
        one_of(outcome.code,
            {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}))
        return with_code("the bucket is somewhere else: wrong region or endpoint", outcome);
    if (outcome.status == 404) return with_code("the bucket does not exist", outcome);
    if (outcome.code == "RequestTimeTooSkewed")
        return "the clock of this server and that of the S3 endpoint differ too much";
    if (outcome.status == 401 ||
        one_of(outcome.code, {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken",
                                 "InvalidClientTokenId"}))
        return with_code("the credentials are not accepted", outcome);
    return "";
}

struct Right {
    const char* verb;
    const s3::Outcome& outcome;
    bool granted;
};

std::string join(const std::vector<std::string>& words)
{
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i)
        text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
    return text;
}

s3::Verdict missing_rights(const s3::Probes& probes)
{
    const std::array rights{Right{"list", probes.list, probes.list.ok()},
        Right{"read", probes.get, probes.get.ok() || probes.get.status == 404},
        Right{"write", probes.put, probes.put.ok() || met(probes.put)},
        Right{"delete", probes.remove, probes.remove.ok() || probes.remove.status == 404}};
    std::vector<std::string> denied;
    const s3::Outcome* first = nullptr;
    for (const auto& right : rights) {
        if (right.granted || right.outcome.status != 403) continue;
        denied.emplace_back(right.verb);
        if (!first) first = &right.outcome;
    }
    if (first)
        return {s3::Fault::source,
            with_code("the credentials may not " + join(denied) + " in this bucket", *first)};
    for (const auto& right : rights) {
        if (right.granted) continue;
        if (right.outcome.status == 0) return silent(right.outcome);
        const auto answered =
            "the S3 endpoint answered " + std::to_string(right.outcome.status) + " to the attempt to ";
        return {passes(right.outcome) ? s3::Fault::server : s3::Fault::source,
            with_code(answered + right.verb, right.outcome)};
    }
    return {};
}

std::string memory_key(const S3Source& source)
{
    std::string all;
    for (const auto* part : {&source.endpoint, &source.region, &source.bucket, &source.prefix,
             &source.accessKeyId, &source.secretAccessKey.reveal()})
        all += std::to_string(part->size()) + ":" + *part;
    return sha256_hex(all);
}

/// Blocking; on the work executor.
s3::Probes probe(const s3::Target& target, Duration limit)
{
    const auto begun = std::chrono::steady_clock::now();
    const std::string folder = target.source.prefix.empty() ? "" : target.source.prefix + "/";
    const auto probe = folder + ".berth/probe";
    const s3::Request put{"PUT", probe, {}, kProbeText, true};
    const std::vector<s3::Request> round{{"HEAD", ""},
        {"GET", "", {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", folder}}}, {"GET", probe},
        {"DELETE", folder + ".berth/nothing"}, put};
    auto seen = s3::run(target, round, limit);
    s3::Probes probes{seen[0], seen[1], seen[2], seen[3], seen[4]};
    if (s3::wants_plain_put(probes)) {
        const auto used = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begun);
        probes.put = s3::run(target, {{"PUT", probe, {}, kProbeText}}, limit - used).front();
    }
    return probes;
}

} // namespace

s3::Verdict s3::verdict_of(const Probes& probes)
{
    if (auto wrong = wrong_place(probes.list); !wrong.empty()) return {Fault::source, std::move(wrong)};
    if (probes.list.status == 0) return silent(probes.list);
    // A role may list and write without the right to HEAD the bucket, and the reply has no body to say why.
    if (!probes.head.ok() && probes.head.status != 403)
        if (auto wrong = wrong_place(probes.head); !wrong.empty()) return {Fault::source, std::move(wrong)};
    return missing_rights(probes);
}

bool s3::wants_plain_put(const Probes& probes)
{
    const auto status = probes.put.status;
    return status == 400 || status == 405 || status == 501;
}

BucketFacts s3::facts_of(const Probes& probes) { return {met(probes.put)}; }

S3BucketCheck::S3BucketCheck(Executor work, Clock& clock, BucketCheckSettings settings)
    : work_(std::move(work)),
      clock_(clock),
      settings_(std::move(settings))
{}

S3BucketCheck::~S3BucketCheck() = default;

/// AWS itself is reached wherever its name leads, which may be a private address inside a cloud.
bool S3BucketCheck::is_own(const S3Source& source) const
{
    return source.endpoint.empty() || source.endpoint == settings_.own_endpoint;
}

awaitable<BucketFacts> S3BucketCheck::check(S3Source source)
{
    auto key = memory_key(source);
    const auto known = known_.find(key);
    if (known != known_.end() && clock_.tick() < known->second.until) co_return known->second.facts;

    const bool free = is_own(source) || settings_.endpoints.allows_name(host_of(s3::endpoint_of(source)));
    const auto rules = std::make_shared<const EndpointRules>(settings_.endpoints);
    s3::Target target{source, settings_.ca_file, free ? nullptr : rules.get()};
    auto work = [target = std::move(target), rules, limit = settings_.deadline] {
        return probe(target, limit);
    };
    const auto probes = co_await offload(work_, std::move(work));
    refuse(source, s3::verdict_of(probes), probes.list.unknown_host);
    const auto facts = s3::facts_of(probes);
    log::info("bucket is fit", {{"bucket", source.bucket}, {"conditionalPut", facts.conditional_put}});
    remember(std::move(key), facts);
    co_return facts;
}

/// A server that somebody names and that is silent may never have been there; the install's own will be back,
/// and AWS as well, unless the region made up a name.
void S3BucketCheck::refuse(const S3Source& source, const s3::Verdict& verdict, bool unknown_host) const
{
    if (verdict.fault == s3::Fault::none) return;
    const bool known_server = is_own(source) && !(source.endpoint.empty() && unknown_host);
    if (verdict.fault == s3::Fault::server || (verdict.fault == s3::Fault::silent && known_server))
        throw Error{Errc::Unavailable, verdict.problem + "; try again later"}.as("S3_UNAVAILABLE");
    throw Error{Errc::Invalid, verdict.problem}.as("INVALID_S3_BUCKET");
}

void S3BucketCheck::remember(std::string key, BucketFacts facts)
{
    const auto now = clock_.tick();
    if (known_.size() >= settings_.remember_at_most)
        std::erase_if(known_, [now](const auto& item) { return item.second.until <= now; });
    if (known_.size() < settings_.remember_at_most)
        known_.insert_or_assign(std::move(key), Known{now + settings_.remember, facts});
}

} // namespace berth
