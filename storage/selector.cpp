#include "storage/selector.hpp"

namespace berth {

namespace {

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view kBlank = " \t";
    const auto first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

[[noreturn]] void refuse(std::string_view part)
{
    throw Error{Errc::Invalid, "label selector: can't read \"" + std::string(part) + "\""};
}

std::string word(std::string_view text, std::string_view part)
{
    text = trimmed(text);
    const bool plain = std::all_of(text.begin(), text.end(),
        [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/'; });
    if (!plain) refuse(part);
    return std::string(text);
}

std::string label_name(std::string_view text, std::string_view part)
{
    auto name = word(text, part);
    if (name.empty()) refuse(part);
    return name;
}

/// "e in (x,y)" and "f notin (z)": what is before the bracket names label and operator.
Requirement parse_set(std::string_view part, std::size_t bracket)
{
    if (!part.ends_with(')')) refuse(part);
    const auto head = trimmed(part.substr(0, bracket));
    const auto blank = head.find_last_of(" \t");
    if (blank == std::string_view::npos) refuse(part);
    const auto verb = head.substr(blank + 1);
    if (verb != "in" && verb != "notin") refuse(part);
    Requirement rule{label_name(head.substr(0, blank), part),
        verb == "in" ? Requirement::Op::In : Requirement::Op::NotIn, {}};
    auto rest = part.substr(bracket + 1, part.size() - bracket - 2);
    for (;;) {
        const auto comma = rest.find(',');
        rule.values.push_back(word(rest.substr(0, comma), part));
        if (comma == std::string_view::npos) return rule;
        rest.remove_prefix(comma + 1);
    }
}

Requirement parse_rule(std::string_view part)
{
    if (const auto bracket = part.find('('); bracket != std::string_view::npos)
        return parse_set(part, bracket);
    if (part.starts_with('!')) return {label_name(part.substr(1), part), Requirement::Op::NotExists, {}};
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) return {label_name(part, part), Requirement::Op::Exists, {}};
    const bool negated = equals > 0 && part[equals - 1] == '!';
    auto value = part.substr(equals + 1);
    if (!negated && value.starts_with('=')) value.remove_prefix(1);
    return {label_name(part.substr(0, negated ? equals - 1 : equals), part),
        negated ? Requirement::Op::NotIn : Requirement::Op::In, {word(value, part)}};
}

} // namespace

bool Requirement::matches(const Labels& all) const
{
    const auto found = all.find(label);
    const bool present = found != all.end();
    const auto listed = [&] {
        return std::find(values.begin(), values.end(), found->second) != values.end();
    };
    switch (op) {
    case Op::In:
        return present && listed();
    case Op::NotIn:
        return !present || !listed();
    case Op::Exists:
        return present;
    case Op::NotExists:
        return !present;
    }
    return false;
}

Selector Selector::parse(std::string_view text)
{
    Selector selector;
    if (trimmed(text).empty()) return selector;
    std::size_t start = 0;
    int depth = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i < text.size() && text[i] == '(') ++depth;
        if (i < text.size() && text[i] == ')') --depth;
        if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
        const auto part = trimmed(text.substr(start, i - start));
        if (part.empty()) refuse(text);
        selector.labels.push_back(parse_rule(part));
        start = i + 1;
    }
    return selector;
}

Selector Selector::in_org(std::string org)
{
    Selector selector;
    selector.org = std::move(org);
    return selector;
}

Selector Selector::label(std::string name, std::string value)
{
    Selector selector;
    selector.labels.push_back({std::move(name), Requirement::Op::In, {std::move(value)}});
    return selector;
}

Selector Selector::owned_by(std::string uid)
{
    Selector selector;
    selector.owner = std::move(uid);
    return selector;
}

bool Selector::matches(const Entry& entry) const
{
    if (!org.empty() && entry.key.org != org) return false;
    if (!phase.empty() && entry.phase != phase) return false;
    if (!owner.empty() && std::find(entry.owners.begin(), entry.owners.end(), owner) == entry.owners.end())
        return false;
    return std::all_of(
        labels.begin(), labels.end(), [&](const auto& rule) { return rule.matches(entry.labels); });
}

} // namespace berth
