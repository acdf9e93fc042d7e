#pragma once
// A body that arrives in given pieces.

#include "controller/base/http_client.hpp"

#include <deque>
#include <string>

namespace berth {

class PieceStream final : public BodyStream {
public:
    explicit PieceStream(std::deque<std::string> pieces) : pieces_(std::move(pieces)) {}
    unsigned status() const override { return 200; }
    const Headers& headers() const override { return headers_; }

protected:
    awaitable<std::optional<std::string>> receive() override
    {
        if (pieces_.empty()) co_return std::nullopt;
        auto piece = std::move(pieces_.front());
        pieces_.pop_front();
        co_return piece;
    }

private:
    std::deque<std::string> pieces_;
    Headers headers_;
};

} // namespace berth
