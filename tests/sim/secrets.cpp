#include "tests/sim/secrets.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::sim {

namespace {

bool thrown_away(int number)
{
    struct ::stat mine {};
    struct ::stat null {};
    return ::fstat(number, &mine) == 0 && ::stat("/dev/null", &null) == 0 && mine.st_rdev == null.st_rdev &&
           S_ISCHR(mine.st_mode);
}

} // namespace

LogCapture::LogCapture()
{
    if (!thrown_away(STDERR_FILENO)) return;
    file_ = ::memfd_create("log", MFD_CLOEXEC);
    before_ = ::dup(STDERR_FILENO);
    ::dup2(file_, STDERR_FILENO);
}

LogCapture::~LogCapture()
{
    if (file_ < 0) return;
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    ::close(file_);
}

std::string LogCapture::text() const
{
    std::string text;
    if (file_ < 0) return text;
    text.resize(std::size_t(::lseek(file_, 0, SEEK_END)));
    const auto got = ::pread(file_, text.data(), text.size(), 0);
    text.resize(std::size_t(std::max<::ssize_t>(got, 0)));
    return text;
}

Canaries::Canaries(World& world) : world_(world)
{
    secrets_["install-secret"] = "the install's S3 key";
    secrets_[std::string(kUserKey)] = "a user's API key";
    secrets_[std::string(kNodeKey)] = "the agents' API key";
}

void Canaries::learn(const Change& change)
{
    if (change.entry->plural != WorkspaceSpec::kind.plural) return;
    const auto object = json::parse(change.entry->text);
    const auto& spec = object.at("spec").as_object();
    for (const auto* name : {"vncPassword", "callbackToken"})
        if (const auto* value = spec.if_contains(name);
            value && value->is_string() && value->get_string().size() >= 8)
            secrets_[std::string(value->get_string())] = to_string(change.entry->key) + "'s " + name;
}

void Canaries::look(const std::string& where, std::string_view text) const
{
    for (const auto& [secret, what] : secrets_)
        if (text.find(secret) != std::string_view::npos)
            throw Violation("I14 secrets-stay-secret", what + " is in " + where);
}

void Canaries::at_rest() const
{
    look("the log", log_.text());
    for (const auto& service : world_.engine.services())
        look("service " + service.Spec.Name, json::serialize(encode(service.Spec, Secrets::Show)));
    for (const auto& container : world_.engine.containers())
        look("container " + container.Name, json::serialize(encode(container.Config, Secrets::Show)));
    for (const auto& [name, volume] : world_.engine.volumes())
        look("volume " + name, json::serialize(encode(volume, Secrets::Show)));
}

} // namespace berth::sim
