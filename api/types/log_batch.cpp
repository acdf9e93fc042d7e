#include "api/types/log_batch.hpp"

namespace berth {

bool is_one_line(std::string_view text) { return text.find('\n') == std::string_view::npos; }

bool is_log_time(std::string_view text)
{
    constexpr std::string_view kForm = "0000-00-00T00:00:00.000000000Z";
    if (text.size() != kForm.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        if (kForm[i] == '0' ? !digit : text[i] != kForm[i]) return false;
    }
    return true;
}

} // namespace berth
