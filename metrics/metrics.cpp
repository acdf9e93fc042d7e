#include "metrics/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace berth {

namespace {

template <class T>
prometheus::Family<T>& make_family(
    prometheus::Registry& registry, const std::string& name, const std::string& help);

template <>
prometheus::Family<Counter>& make_family(
    prometheus::Registry& registry, const std::string& name, const std::string& help)
{
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
template <>
prometheus::Family<Gauge>& make_family(
    prometheus::Registry& registry, const std::string& name, const std::string& help)
{
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}
template <>
prometheus::Family<Histogram>& make_family(
    prometheus::Registry& registry, const std::string& name, const std::string& help)
{
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

/// Fields of /proc/self/stat after the command's closing bracket: the first one is field 3 of proc(5).
std::vector<std::string> process_stat()
{
    std::ifstream file("/proc/self/stat");
    std::string line;
    std::getline(file, line);
    std::vector<std::string> fields;
    const auto bracket = line.rfind(')');
    if (bracket == std::string::npos) return fields;
    std::size_t at = bracket + 2;
    while (at < line.size()) {
        const auto end = std::min(line.find(' ', at), line.size());
        fields.push_back(line.substr(at, end - at));
        at = end + 1;
    }
    return fields;
}

double to_number(const std::string& text)
{
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// Seconds since 1970 at which the machine started.
double boot_time()
{
    std::ifstream file("/proc/stat");
    std::string word;
    while (file >> word) {
        if (word == "btime") {
            double value = 0;
            file >> value;
            return value;
        }
        std::getline(file, word);
    }
    return 0;
}

double open_descriptors()
{
    std::error_code failure;
    double count = 0;
    for (std::filesystem::directory_iterator it("/proc/self/fd", failure), end; !failure && it != end;
         it.increment(failure))
        ++count;
    return count > 0 ? count - 1 : 0; // without the one that reads the folder
}

} // namespace

template <class T>
Series<T>::Series(prometheus::Registry& registry, std::string name, std::string help,
    std::vector<std::string> labels, std::vector<double> buckets)
    : family_(make_family<T>(registry, name, help)),
      labels_(std::move(labels)),
      buckets_(std::move(buckets))
{}

template <class T> T& Series<T>::with(std::initializer_list<std::string_view> values)
{
    if (values.size() != labels_.size())
        throw std::logic_error("metric " + family_.GetName() + ": wrong number of label values");
    auto key = key_of(values);
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(key); found != known_.end()) return *found->second;
    prometheus::Labels labels;
    std::size_t i = 0;
    for (const auto value : values) labels.emplace(labels_[i++], value);
    T* made = nullptr;
    if constexpr (std::is_same_v<T, Histogram>)
        made = &family_.Add(labels, buckets_);
    else
        made = &family_.Add(labels);
    known_.emplace(std::move(key), made);
    return *made;
}

template <class T> void Series<T>::remove(std::initializer_list<std::string_view> values)
{
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key_of(values));
    if (found == known_.end()) return;
    family_.Remove(found->second);
    known_.erase(found);
}

template <class T> std::string Series<T>::key_of(std::initializer_list<std::string_view> values)
{
    std::string key;
    for (const auto value : values) key.append(value).push_back('\0');
    return key;
}

template class Series<Counter>;
template class Series<Gauge>;
template class Series<Histogram>;

Metrics::Metrics(std::string_view version)
{
    build_info.with({version}).Set(1);
    const auto stat = process_stat();
    constexpr std::size_t kStartTime = 19; // field 22 of proc(5)
    if (stat.size() > kStartTime)
        process_start_time->Set(
            boot_time() + to_number(stat[kStartTime]) / static_cast<double>(sysconf(_SC_CLK_TCK)));
}

Metrics::~Metrics() = default;

void Metrics::refresh_process()
{
    const std::lock_guard lock(refreshing_);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    const double cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    process_cpu->Increment(std::max(0.0, cpu - process_cpu->Value()));

    const auto stat = process_stat();
    constexpr std::size_t kVirtual = 20;  // field 23, bytes
    constexpr std::size_t kResident = 21; // field 24, pages
    if (stat.size() > kResident) {
        process_virtual_memory->Set(to_number(stat[kVirtual]));
        process_resident_memory->Set(to_number(stat[kResident]) * static_cast<double>(sysconf(_SC_PAGESIZE)));
    }
    process_open_fds->Set(open_descriptors());
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) process_max_fds->Set(static_cast<double>(limit.rlim_cur));
}

std::string Metrics::serialize()
{
    refresh_process();
    return prometheus::TextSerializer{}.Serialize(registry.Collect());
}

} // namespace berth
