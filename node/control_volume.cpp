#include "node/control_volume.hpp"

#include "api/types/workspace_environment.hpp"
#include "controller/base/random.hpp"
#include "node/file_copy.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace berth {

namespace {

constexpr gid_t kWorkspaceGroup = 1000;

std::string shell_quoted(std::string_view value)
{
    std::string text = "'";
    for (char c : value) {
        if (c == '\'')
            text += "'\\''";
        else
            text += c;
    }
    return text + "'";
}

} // namespace

void put_control_file(const std::string& folder, const std::string& name, const std::string& content)
{
    const auto path = folder + "/" + name;
    const auto part = path + ".new";
    ::unlink(part.c_str());
    Fd file(::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) throw system_error("create a control file");
    std::string_view rest = content;
    while (!rest.empty()) {
        const auto written = ::write(file.get(), rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw system_error("write a control file");
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fchown(file.get(), 0, kWorkspaceGroup) != 0) throw system_error("own a control file");
    if (::fchmod(file.get(), 0440) != 0) throw system_error("set the mode of a control file");
    if (::rename(part.c_str(), path.c_str()) != 0) throw system_error("rename a control file");
}

std::map<std::string, std::string> control_files(const Workspace& workspace, std::string_view platform_key)
{
    std::string env;
    for (const auto& [name, value] : workspace_environment(workspace, platform_key)) {
        const bool folders = name == "PATH"; // before the image's own, which is not known here
        env += name + "=" + shell_quoted(value) + (folders ? ":\"$PATH\"\n" : "\n");
    }
    // Shells compare the first line with what they have read, so that a changed file counts and an unchanged one
    // does not undo what somebody has set since.
    env = "# " + sha256_hex(env).substr(0, 16) + "\n" + env;
    return {{"vnc-password", workspace.spec.vncPassword.reveal() + "\n"},
        {"callback-token", workspace.spec.callbackToken.reveal() + "\n"}, {"env", env},
        {"banner", "Workspace " + workspace.metadata.name +
                       ": what you keep in /workspace is saved to your bucket every few seconds.\n"}};
}

std::string control_hash(const std::map<std::string, std::string>& files)
{
    std::string all;
    for (const auto& [name, content] : files)
        all += name + '\0' + std::to_string(content.size()) + '\0' + content;
    return sha256_hex(all);
}

void write_control_volume(const std::string& folder, const std::map<std::string, std::string>& files)
{
    if (::chown(folder.c_str(), 0, kWorkspaceGroup) != 0 || ::chmod(folder.c_str(), 0750) != 0)
        throw system_error("own the control volume");
    for (const auto& [name, content] : files) put_control_file(folder, name, content);
    sync_folder(folder);
}

bool control_volume_holds(const std::string& folder, const std::map<std::string, std::string>& files)
{
    try {
        for (const auto& [name, content] : files)
            if (read_file(folder + "/" + name) != content) return false;
        return true;
    } catch (const Error&) {
        return false; // not written yet
    }
}

} // namespace berth
