#pragma once
// The one exception type that Berth throws, and what a validation problem looks like.

#include <stdexcept>
#include <string>
#include <vector>

namespace berth {

/// Why something failed. Maps one to one to an HTTP status and to a retry policy.
enum class Errc {
    Invalid,     ///< the input is wrong; retrying does not help
    NotFound,    ///< there is no such thing
    Exists,      ///< it is there already
    Conflict,    ///< somebody else changed it first: read again, decide again
    Gone,        ///< the history asked for has been dropped: list again
    Denied,      ///< the caller or a credential may not do this
    Quota,       ///< a limit would be exceeded
    Unavailable, ///< a part outside is away; NOT DONE, safe to retry
    Timeout,     ///< no answer in time; the outcome is UNKNOWN, so observe before trying again
    Internal,    ///< a bug or a broken environment
};

/// One thing wrong with an input. `field` is a JSON pointer ("/spec/s3/bucket"), empty for the whole document.
struct Problem {
    std::string field;
    std::string problem;
    bool operator==(const Problem&) const = default;
};
using Problems = std::vector<Problem>;

/// Thrown by effectful code; pure code returns values. Caught in three places: the controller, the HTTP
/// session, main. The message never contains a secret.
class Error : public std::runtime_error {
public:
    Error(Errc code, const std::string& message) : std::runtime_error(message), code_(code) {}
    /// Invalid input with one problem per field.
    explicit Error(Problems problems);

    Errc code() const noexcept { return code_; }
    const Problems& problems() const noexcept { return problems_; }
    /// Whether the same call may succeed later without anybody changing its input.
    bool transient() const noexcept;

    /// The same error under a code of its own in HTTP replies ("CONTAINER_NOT_FOUND"); status and retry policy
    /// still follow from code(). Empty: the general one of code().
    Error as(std::string wire_code) const;
    const std::string& wire_code() const noexcept { return wire_code_; }

private:
    Errc code_;
    Problems problems_;
    std::string wire_code_;
};

/// Stable lower-case word for logs and metrics labels: "not_found".
const char* to_string(Errc code) noexcept;

} // namespace berth
