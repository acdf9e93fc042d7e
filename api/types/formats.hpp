#pragma once
// The formats that members of our kinds and requests have, each said once (see Rule). Pure; any thread.

#include "controller/base/rules.hpp"

#include <array>

namespace berth {

/// Whether `text` is a DNS label of at most 63 characters: names of objects, orgs, templates, pools.
bool is_dns_label(std::string_view text);
bool is_label_key(std::string_view text);
bool is_label_value(std::string_view text);
bool is_bucket_name(std::string_view text);
bool is_s3_prefix(std::string_view text);
bool is_s3_folder(std::string_view text);
bool is_endpoint(std::string_view text);
bool is_env_name(std::string_view text);
bool is_user_env_name(std::string_view text);
bool is_vnc_password(std::string_view text);
bool is_visible_text(std::string_view text);
bool is_sha256_hex(std::string_view text);
bool is_revision(std::string_view text);

inline constexpr TextFormat kDnsLabel{"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", &is_dns_label,
    "expected a DNS label: a-z, 0-9 and '-', at most 63 characters"};
inline constexpr TextFormat kLabelKey{"^[A-Za-z0-9._/-]{1,253}$", &is_label_key,
    "not a label's name: letters, digits, '-', '_', '.', '/', at most 253 characters"};
inline constexpr TextFormat kLabelValue{"^[A-Za-z0-9._-]{0,63}$", &is_label_value,
    "not a label's value: letters, digits, '-', '_', '.', at most 63 characters"};
inline constexpr TextFormat kBucketName{R"(^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$)", &is_bucket_name,
    "not a bucket name: 3 to 63 of a-z, 0-9, '.' and '-'"};
/// A folder in a bucket as it is stored.
inline constexpr TextFormat kS3Prefix{
    R"(^(?!([^/]*/)*(\.|\.\.|\.berth)(/|$))[^/\x00-\x1f\x7f]+(/[^/\x00-\x1f\x7f]+)*$)", &is_s3_prefix,
    "expected a/b/c without empty, '.', '..' or '.berth' parts or a slash at an end"};
/// The same as people write it: slashes at the ends do no harm.
inline constexpr TextFormat kS3Folder{
    R"(^/*((?!([^/]*/)*(\.|\.\.|\.berth)(/|$))[^/\x00-\x1f\x7f]+(/[^/\x00-\x1f\x7f]+)*)?/*$)", &is_s3_folder,
    "expected a/b/c without empty, '.', '..' or '.berth' parts"};
/// A server, not a page: no user, path, query or fragment that a request could be bent with.
inline constexpr TextFormat kEndpoint{
    R"(^https?://([A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$)",
    &is_endpoint, "expected http or https, a host and perhaps a port, and nothing else"};
inline constexpr TextFormat kEnvName{
    "^[A-Za-z_][A-Za-z0-9_]{0,255}$", &is_env_name, "not a variable name: letters, digits and '_'"};
/// Of a workspace's own environment: the image is built on the others, and Berth on its own.
inline constexpr TextFormat kUserEnvName{
    "^(?!BERTH_|(BASH_ENV|DISPLAY|HOME|SHELL|USER)$)[A-Za-z_][A-Za-z0-9_]{0,255}$", &is_user_env_name,
    "not a variable that can be set: letters, digits and '_', but not BERTH_…, BASH_ENV, DISPLAY, HOME, SHELL "
    "or USER, which belong to Berth and the image"};
/// VNC's own authentication looks at 8 bytes: of a longer one the rest would be for nothing.
inline constexpr TextFormat kVncPassword{"^[ -~]{0,8}$", &is_vnc_password,
    "expected at most 8 ASCII characters without controls: VNC looks at no more"};
inline constexpr TextFormat kImageReference{"^[!-~]+$", &is_visible_text, "expected an image reference"};
/// What a header can carry without spaces.
inline constexpr TextFormat kToken{
    "^[!-~]+$", &is_visible_text, "expected visible characters without spaces"};
inline constexpr TextFormat kSha256Hex{
    "^[0-9a-f]{64}$", &is_sha256_hex, "expected 64 lower-case hexadecimal digits"};
inline constexpr TextFormat kRevision{"^[0-9]{0,19}$", &is_revision, "is not a revision of this server"};

/// All of them, for the test that compares pattern and check.
inline constexpr std::array kFormats{&kCleanText, &kWithoutNul, &kDnsLabel, &kLabelKey, &kLabelValue,
    &kBucketName, &kS3Prefix, &kS3Folder, &kEndpoint, &kEnvName, &kUserEnvName, &kVncPassword,
    &kImageReference, &kToken, &kSha256Hex, &kRevision};

} // namespace berth
