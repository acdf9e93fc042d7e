#include "node/file_copy.hpp"

#include <openssl/evp.h>

#include <filesystem>
#include <memory>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace berth {

namespace {

constexpr std::size_t kPiece = 256 * 1024;
constexpr std::int64_t kReserve = 256LL << 20; ///< bytes that stay free for everybody else

class Digest {
public:
    explicit Digest(const EVP_MD* kind) : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free)
    {
        if (!context_ || EVP_DigestInit_ex(context_.get(), kind, nullptr) != 1)
            throw Error{Errc::Internal, "hashing is not available"};
    }
    void add(const char* data, std::size_t size) { EVP_DigestUpdate(context_.get(), data, size); }
    std::string hex()
    {
        std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
        unsigned size = 0;
        EVP_DigestFinal_ex(context_.get(), bytes.data(), &size);
        std::string text;
        for (unsigned i = 0; i < size; ++i)
            for (const auto half : {bytes[i] >> 4, bytes[i] & 15}) text += "0123456789abcdef"[half];
        return text;
    }

private:
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

void write_all(int to, const char* data, std::size_t size)
{
    while (size > 0) {
        const auto written = ::write(to, data, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw system_error("write a file");
        data += written;
        size -= static_cast<std::size_t>(written);
    }
}

/// Calls `use(data, size)` to the end of the file.
template <class F> void read_pieces(int from, F use)
{
    const auto buffer = std::make_unique<char[]>(kPiece);
    while (true) {
        const auto got = ::read(from, buffer.get(), kPiece);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw system_error("read a file");
        if (got == 0) return;
        use(buffer.get(), static_cast<std::size_t>(got));
    }
}

} // namespace

Hashes copy_and_hash(int from, int to, const std::atomic<bool>& stop)
{
    Digest md5(EVP_md5());
    Digest sha256(EVP_sha256());
    read_pieces(from, [&](const char* data, std::size_t size) {
        if (stop) throw Error{Errc::Unavailable, "the agent is ending"};
        md5.add(data, size);
        sha256.add(data, size);
        if (to >= 0) write_all(to, data, size);
    });
    return {md5.hex(), sha256.hex()};
}

void copy_content(int from, int to)
{
    read_pieces(from, [&](const char* data, std::size_t size) { write_all(to, data, size); });
}

void set_mtime(int file, std::int64_t nanoseconds)
{
    constexpr std::int64_t kSecond = 1'000'000'000;
    const ::timespec times[2] = {{0, UTIME_OMIT}, {nanoseconds / kSecond, nanoseconds % kSecond}};
    ::futimens(file, times); // a time that the file system can't hold is no reason to fail
}

void require_space(const std::string& path, std::int64_t bytes)
{
    auto folder = std::filesystem::path(path).parent_path();
    while (!folder.empty() && !std::filesystem::exists(folder)) folder = folder.parent_path();
    struct ::statvfs info {};
    if (::statvfs(folder.c_str(), &info) != 0) return;
    const auto free = static_cast<std::int64_t>(info.f_bavail) * static_cast<std::int64_t>(info.f_frsize);
    if (bytes + kReserve > free)
        throw Error{Errc::Quota, "no space for a copy of a file of " + std::to_string(bytes) + " bytes"};
}

Hashes hash_file(const std::string& path)
{
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) throw system_error("open " + path);
    return copy_and_hash(file.get(), -1, std::atomic<bool>{false});
}

void write_file_atomically(const std::string& path, std::string_view text, unsigned mode)
{
    const auto part = path + ".part";
    Fd file(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode_t(mode)));
    if (!file) throw system_error("create " + part);
    write_all(file.get(), text.data(), text.size());
    if (::fsync(file.get()) != 0) throw system_error("sync " + part);
    if (::rename(part.c_str(), path.c_str()) != 0) throw system_error("rename to " + path);
    sync_folder(std::filesystem::path(path).parent_path());
}

std::string read_file(const std::string& path)
{
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) throw system_error("open " + path);
    std::string text;
    read_pieces(file.get(), [&](const char* data, std::size_t size) { text.append(data, size); });
    return text;
}

void sync_folder(const std::string& folder)
{
    const Fd handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!handle) throw system_error("open folder " + folder);
    if (::fsync(handle.get()) != 0) throw system_error("sync folder " + folder);
}

} // namespace berth
