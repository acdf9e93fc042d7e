// Real files with real damage: berthd must say so and touch nothing. What a power loss leaves is none.

#include "storage/database.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <fstream>
#include <random>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& file)
{
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
void write(const fs::path& file, const std::string& text)
{
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
}

using Files = std::map<std::string, std::string>;
Files files_in(const fs::path& folder)
{
    Files files;
    for (const auto& file : fs::directory_iterator(folder))
        if (file.is_regular_file()) files.emplace(file.path().filename(), content(file.path()));
    return files;
}

class DamageTest : public StoreTest {
protected:
    void SetUp() override {}

    /// `count` things, a transaction each; then the store is closed.
    void fill(int count, int from = 0)
    {
        open();
        for (int i = from; i < from + count; ++i)
            create(make_thing("t" + std::to_string(i), i, {{"pad", pad(i)}}));
        revision = store->revision();
        close();
    }
    static std::string pad(int i) { return std::string(60, static_cast<char>('a' + i % 26)); }
    /// Opening and closing takes the log over into tables.
    void into_tables()
    {
        open();
        close();
    }
    std::vector<fs::path> with_suffix(const std::string& suffix) const
    {
        std::vector<fs::path> found;
        for (const auto& file : fs::directory_iterator(folder / "db"))
            if (file.path().string().ends_with(suffix)) found.push_back(file.path());
        std::sort(found.begin(), found.end());
        return found;
    }
    /// The last log that holds anything.
    fs::path log() const
    {
        auto logs = with_suffix(".log");
        while (!logs.empty() && fs::file_size(logs.back()) < 100) logs.pop_back();
        if (logs.empty()) throw std::runtime_error("no log");
        return logs.back();
    }
    static void flip(const fs::path& file, std::size_t at)
    {
        auto text = content(file);
        text.at(at) = static_cast<char>(text.at(at) ^ 0x40);
        write(file, text);
    }
    /// One refusal that names `file` and the remedy, and not a byte is changed.
    void expect_refused(const std::string& file)
    {
        const auto before = files_in(folder / "db");
        EXPECT_EQ(error_of(Store::open(options())), Errc::Internal) << file;
        EXPECT_THAT(message, ::testing::HasSubstr(file));
        EXPECT_THAT(message, ::testing::HasSubstr("is damaged"));
        EXPECT_THAT(message, ::testing::HasSubstr("berthd restore"));
        EXPECT_THAT(message, ::testing::Not(::testing::HasSubstr("\n")));
        EXPECT_TRUE(files_in(folder / "db") == before) << "the folder was changed";
    }

    Revision revision = 0;
};

TEST_F(DamageTest, AFlippedBitInATableIsRefused)
{
    fill(300);
    into_tables();
    const auto tables = with_suffix(".sst");
    ASSERT_FALSE(tables.empty());
    for (const auto& table : tables) {
        const auto whole = content(table);
        flip(table, 20);
        expect_refused(table.filename());
        write(table, whole);
    }
    open();
    EXPECT_EQ(store->count("things"), 300U);
}

TEST_F(DamageTest, ATableThatIsCutOffOrGoneIsRefused)
{
    fill(300);
    into_tables();
    const auto table = with_suffix(".sst").front();
    const auto whole = content(table);
    write(table, whole.substr(0, whole.size() / 2));
    expect_refused(table.filename());
    fs::remove(table);
    expect_refused(table.filename());
    write(table, whole);
    open();
}

TEST_F(DamageTest, AFlippedBitInTheLogIsRefusedWhereverItIs)
{
    fill(300); // several blocks of the log
    const auto file = log();
    const auto whole = content(file);
    ASSERT_GT(whole.size(), 3U * 32 * 1024);
    std::mt19937 random(11);
    for (int turn = 0; turn < 20; ++turn) {
        flip(file, random() % (whole.size() - 2000)); // the last record may be a torn one
        expect_refused(file.filename());
        write(file, whole);
    }
    open();
    EXPECT_EQ(store->count("things"), 300U);
}

TEST_F(DamageTest, AHoleInTheLogIsRefused)
{
    fill(300);
    const auto file = log();
    const auto whole = content(file);
    write(file,
        whole.substr(0, 32 * 1024) + whole.substr(64 * 1024)); // a block is missing: checksums are all right
    expect_refused(file.filename());
    write(file, whole.substr(0, 30'000) + std::string(10'000, '\0') + whole.substr(40'000));
    expect_refused(file.filename());
}

/// Power loss: the last write is there in part, or its pages are, or something else is.
TEST_F(DamageTest, ATornTailIsNoDamage)
{
    fill(100);
    const auto file = log();
    const auto whole = content(file);
    const auto folder_before = files_in(folder / "db");
    std::mt19937 random(5);
    std::string noise(200, '\0');
    for (auto& byte : noise) byte = static_cast<char>(random());
    for (const auto& tail : {whole.substr(0, whole.size() - 1), whole.substr(0, whole.size() - 60),
             whole.substr(0, whole.size() - 200) + std::string(200, '\0'),
             whole.substr(0, whole.size() - 200) + noise, whole + noise, whole + std::string(4096, '\0')}) {
        for (const auto& [name, text] : folder_before) write(fs::path(folder / "db") / name, text);
        for (const auto& name : files_in(folder / "db"))
            if (!folder_before.contains(name.first)) fs::remove(fs::path(folder / "db") / name.first);
        write(file, tail);
        open();
        EXPECT_GE(store->count("things"), 99U);
        EXPECT_EQ(store->revision(), store->count("things"));
        create(make_thing("after"));
        close();
    }
}

TEST_F(DamageTest, AMissingCurrentOrManifestIsRefusedAndNothingIsMadeAnew)
{
    fill(20);
    const fs::path current = folder / "db/CURRENT";
    const auto text = content(current);
    const fs::path manifest = fs::path(folder / "db") / text.substr(0, text.size() - 1);
    fs::remove(current);
    expect_refused("CURRENT");
    write(current, "");
    expect_refused("CURRENT");
    write(current, text);
    const auto whole = content(manifest);
    fs::remove(manifest);
    expect_refused(manifest.filename());
    auto bad = whole;
    bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
    write(manifest, bad);
    expect_refused(manifest.filename());
    write(manifest, whole);
    open();
    EXPECT_EQ(store->count("things"), 20U);
}

/// What checksums can't see: somebody wrote it that way.
TEST_F(DamageTest, AnObjectThatIsNoJsonIsNamed)
{
    fill(3);
    {
        detail::Database raw(folder / "db");
        rocksdb::WriteOptions options;
        ASSERT_TRUE(
            raw.db().Put(options, raw.family(detail::Family::Objects), "things/default/t1", "{").ok());
    }
    EXPECT_EQ(error_of(Store::open(options())), Errc::Internal);
    EXPECT_THAT(message, ::testing::HasSubstr("things/default/t1"));
}

TEST_F(DamageTest, ANewerSchemaIsRefusedAndNothingIsChanged)
{
    open();
    create(make_thing("one"));
    close();
    auto newer = options();
    newer.migrations.push_back({"nothing", [](std::string_view, json::object&) { return false; }});
    store = run(Store::open(newer));
    close();
    const auto before = files_in(folder / "db");
    EXPECT_EQ(error_of(Store::open(options())), Errc::Conflict);
    EXPECT_THAT(message, ::testing::HasSubstr("made by a newer version of Berth"));
    EXPECT_TRUE(files_in(folder / "db") == before) << "the folder was changed";
}

} // namespace
} // namespace berth::test
