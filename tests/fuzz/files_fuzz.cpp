// What the node reads from its disk and from buckets that anybody may write to: journal, manifests, lists of
// objects.

#include "node/file_copy.hpp"
#include "node/filters.hpp"
#include "node/journal.hpp"
#include "node/key_names.hpp"
#include "node/log_lines.hpp"
#include "node/manifest.hpp"
#include "node/s3_wire.hpp"
#include "tests/fakes/temporary_folder.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <boost/crc.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

namespace berth::fuzz {

namespace {

/// The journal's lines with the checksums that they should have: else no mutation would get past them.
std::string with_checksums(Input lines)
{
    std::string text;
    while (!lines.empty()) {
        const auto line = lines.until('\n');
        boost::crc_32_type crc;
        crc.process_bytes(line.data(), line.size());
        std::array<char, 10> hex{};
        std::snprintf(hex.data(), hex.size(), "%08x ", unsigned(crc.checksum()));
        text.append(hex.data()).append(line).append("\n");
    }
    return text;
}

using Facts = std::map<std::string, std::string>;
/// An empty fact is none.
Facts facts_of(const SyncJournal& journal)
{
    auto facts = journal.facts();
    std::erase_if(facts, [](const auto& fact) { return fact.second.empty(); });
    return facts;
}

JournalFile journal_file(Input input)
{
    JournalFile file;
    file.local.size = input.byte();
    file.local.inode = input.byte();
    file.md5 = clean_utf8(input.until('\n'));
    file.remote.etag = clean_utf8(input.until('\n'));
    file.remote.size = input.byte();
    file.remote.modified = Time{Duration{input.byte()}};
    file.remote.mtime = input.byte();
    file.remote.written = Time{Duration{input.byte()}};
    return file;
}

/// Changes a journal as the agent would, and reads it again: it must tell the same.
void check_kept(const std::string& folder, Input input)
{
    Facts facts;
    std::map<std::string, JournalFile> files;
    {
        SyncJournal journal{folder};
        const std::string path(input.rest().substr(0, 40));
        if (!path_problem(path)) journal.put(path, journal_file(input));
        if (!journal.files().empty() && input.byte() % 2 == 1) journal.erase(journal.files().begin()->first);
        journal.set_fact("restored", std::to_string(input.byte()));
        journal.commit();
        facts = facts_of(journal);
        files = journal.files();
    }
    const SyncJournal again{folder};
    require(facts_of(again) == facts, "other facts after the journal was read again");
    require(again.files() == files, "other files after the journal was read again");
}

/// 'c' and lines without their checksums, or 'r' and the bytes of a whole journal.
void check_journal(Input input)
{
    const TemporaryFolder folder;
    const auto whole = input.byte() == 'c' ? with_checksums(input) : std::string(input.rest());
    std::filesystem::create_directories(folder / "j");
    write_file_atomically(folder / "j/journal", whole);
    const auto read = [&] { return std::make_unique<SyncJournal>(folder / "j"); };
    if (!unless_refused(read, {Errc::Invalid, Errc::Internal})) return;
    check_kept(folder / "j", input);
}

void check_manifest(Input input)
{
    const auto manifest = unless_refused([&] { return parse_manifest(input.rest()); });
    if (!manifest) return;
    const auto safe = [](const auto& entry) { return !path_problem(entry.first); };
    require(std::ranges::all_of(manifest->files, safe) && std::ranges::all_of(manifest->links, safe) &&
                std::ranges::all_of(manifest->folders, safe),
        "a path that must not be used");
    const auto text = to_text(*manifest);
    const auto again = parse_manifest(text);
    require(again == *manifest && same_tree(again, *manifest) && same_extras(again, *manifest),
        "another manifest after it was written and read");
    require_same(to_text(again), text, "another text after it was read");
    const auto changes = changes_between(*manifest, again);
    require(changes.links.empty() && changes.deleted_links.empty() && changes.folders.empty() &&
                changes.deleted_folders.empty() && changes.modes.empty(),
        "changes without a change");
    const auto merged = merge_manifests({*manifest, Manifest{}}, {});
    require(same_tree(merged, *manifest), "merging with nothing changes the tree");
}

void check_listing(Input input)
{
    constexpr std::int64_t kLargest = std::int64_t{5} << 40;
    const auto page = unless_refused([&] { return parse_list(input.rest()); }, {Errc::Internal});
    (void)error_code(input.rest());
    if (!page) return;
    for (const auto& object : page->objects) {
        require(object.size >= 0 && object.size <= kLargest, "a size that no object has");
        require_same(bare_etag(object.etag), object.etag, "an ETag that is not bare");
        if (!object.modified) continue;
        require(parse_time(format_time(*object.modified)) == object.modified, "a time that can't be written");
    }
}

void check_path(std::string_view path)
{
    const auto name = name_of_path(path);
    require(is_utf8(name), "a name that is not UTF-8");
    require_same(path_of_name(name), path, "another path for the name " + name);
    require_same(name_of_path(name), name, "another name for the name");
    const auto key = key_of_path(path);
    require(is_utf8(key), "a key that is not UTF-8");
    require_same(path_of_key(key), path, "another path for the key " + key);
    Input parts{key};
    while (!parts.empty()) {
        const auto part = parts.until('/');
        require(!part.empty() && part != "." && part != ".." && part.size() <= 255,
            "a part that is none: " + key);
    }
}

/// A path, its key, and what else is spelled for S3.
void check_names(Input input)
{
    const auto text = input.rest();
    if (!path_problem(text)) check_path(text);
    require_same(path_of_name(name_of_target(text)), text, "another target for the name");
    require(is_utf8(name_of_target(text)), "a name that is not UTF-8");
    (void)path_of_key(text);
    (void)is_filtered_path(text);
    (void)upload_rank(text);
    for (const char c : printable(text)) require(c >= ' ' && c <= '~', "printable text is not");
    if (const auto mtime = parse_mtime_header(text))
        require(parse_mtime_header(mtime_header(*mtime)) == mtime, "another time in the header");
    if (const auto date = parse_http_date(std::string(text)))
        require(parse_time(format_time(*date)) == date, "a date that can't be written");
}

const Registration journal_fuzzer{"journal", check_journal};
const Registration manifest_fuzzer{"manifest", check_manifest};
const Registration listing_fuzzer{"listing", check_listing};
const Registration names_fuzzer{"names", check_names};

} // namespace

} // namespace berth::fuzz
