#pragma once
// What all of Docker's wire types share. They are in Docker's spelling, with the members that Berth uses. Decoded with Unknown::Ignore; sent by
// encode_request(), which leaves out what is not set. Value types; any thread. Durations are nanoseconds, sizes bytes.
// Times stay text (see parse_time): one odd time must not spoil a whole list.

#include "controller/base/json.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace berth::docker {

using StringMap = std::map<std::string, std::string>;
using Strings = std::vector<std::string>;

struct ObjectVersion {
    std::uint64_t Index = 0;
    bool operator==(const ObjectVersion&) const = default;
};
BOOST_DESCRIBE_STRUCT(ObjectVersion, (), (Index))

struct Driver {
    std::string Name;
    StringMap Options;
    bool operator==(const Driver&) const = default;
};
BOOST_DESCRIBE_STRUCT(Driver, (), (Name, Options))

// ---- requests

/// JSON for a request: without the members that are not set, which for the engine means the same (an unset optional,
/// an empty string, list or map, zero, false, a struct with nothing set). What an optional holds is always sent.
template <class T>
json::value encode_request(const T& value)
{
    namespace described = berth::detail;
    if constexpr (described::is_optional<T>::value) {
        return value ? encode_request(*value) : json::value(nullptr);
    } else if constexpr (described::is_vector<T>::value) {
        json::array array;
        for (const auto& item : value) array.push_back(encode_request(item));
        return array;
    } else if constexpr (described::DescribedStruct<T>) {
        json::object object;
        boost::mp11::mp_for_each<described::members<T>>([&](auto member) {
            using Member = std::remove_cvref_t<decltype(value.*member.pointer)>;
            auto encoded = encode_request(value.*member.pointer);
            bool unset = false;
            if constexpr (described::is_optional<Member>::value) unset = !(value.*member.pointer).has_value();
            else if constexpr (described::DescribedStruct<Member>) unset = encoded.get_object().empty();
            else if constexpr (std::is_arithmetic_v<Member>) unset = value.*member.pointer == Member{};
            else unset = (value.*member.pointer).empty();
            if (!unset) object[wire_name(member.name)] = std::move(encoded);
        });
        return object;
    } else {
        return encode(value);
    }
}

} // namespace berth::docker
