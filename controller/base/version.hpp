#pragma once

namespace berth {

/// Of all programs of this tree.
inline constexpr const char* kVersion = "0.1.0";

} // namespace berth
