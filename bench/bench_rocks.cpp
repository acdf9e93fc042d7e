// The anchor for durable writes: RocksDB with sync=true and nothing around it.
// Usage: bench_rocks FOLDER WRITERS SECONDS BYTES. Prints one JSON line:
// {"writes","per_second","p50_us","p99_us"}. RocksDB joins writers that wait into one sync by itself, so
// WRITERS > 1 measures its group commit. And the anchor for a restart: bench_rocks scan FOLDER KIND opens a
// folder of berthd's and reads every object of the kind once. Prints {"objects","bytes","ms"}.

#include <boost/json.hpp>
#include <rocksdb/db.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using Steady = std::chrono::steady_clock;

std::vector<double> write_for(rocksdb::DB& db, int writer, Steady::time_point end, const std::string& value)
{
    rocksdb::WriteOptions synced;
    synced.sync = true;
    std::vector<double> micros;
    for (std::uint64_t i = 0; Steady::now() < end; ++i) {
        const auto key = std::to_string(writer) + "/" + std::to_string(i);
        const auto start = Steady::now();
        if (!db.Put(synced, key, value).ok()) std::exit(1);
        micros.push_back(std::chrono::duration<double, std::micro>(Steady::now() - start).count());
    }
    return micros;
}

int scan(const std::string& folder, const std::string& kind)
{
    const auto start = Steady::now();
    std::vector<std::string> names;
    if (!rocksdb::DB::ListColumnFamilies({}, folder, &names).ok()) return 1;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const auto& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions{});
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* opened = nullptr;
    if (!rocksdb::DB::OpenForReadOnly({}, folder, families, &handles, &opened).ok()) return 1;
    const std::unique_ptr<rocksdb::DB> db{opened};
    std::uint64_t objects = 0, bytes = 0;
    for (auto* handle : handles) {
        if (handle->GetName() != "objects") continue;
        const std::unique_ptr<rocksdb::Iterator> it{db->NewIterator({}, handle)};
        for (it->Seek(kind + "/"); it->Valid() && it->key().starts_with(kind + "/"); it->Next()) {
            ++objects;
            bytes += it->value().ToString().size();
        }
    }
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    const std::chrono::duration<double, std::milli> took = Steady::now() - start;
    std::cout << boost::json::serialize(
                     boost::json::object{{"objects", objects}, {"bytes", bytes}, {"ms", took.count()}})
              << "\n";
    return objects > 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc == 4 && std::string(argv[1]) == "scan") return scan(argv[2], argv[3]);
    if (argc != 5) return 2;
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* opened = nullptr;
    if (!rocksdb::DB::Open(options, argv[1], &opened).ok()) return 1;
    const std::unique_ptr<rocksdb::DB> db{opened};

    const int writers = std::atoi(argv[2]);
    const double seconds = std::atof(argv[3]);
    const std::string value(std::size_t(std::atoi(argv[4])), 'x');
    const auto end =
        Steady::now() + std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(seconds));
    std::vector<std::vector<double>> results(std::size_t(writers), std::vector<double>{});
    std::vector<std::thread> threads;
    for (int i = 0; i < writers; ++i)
        threads.emplace_back([&, i] { results[std::size_t(i)] = write_for(*db, i, end, value); });
    for (auto& thread : threads) thread.join();

    std::vector<double> all;
    for (const auto& part : results) all.insert(all.end(), part.begin(), part.end());
    std::sort(all.begin(), all.end());
    if (all.empty()) return 1;
    std::cout << boost::json::serialize(
                     boost::json::object{{"writes", all.size()}, {"per_second", double(all.size()) / seconds},
                         {"p50_us", all[all.size() / 2]}, {"p99_us", all[all.size() * 99 / 100]}})
              << "\n";
    return 0;
}
