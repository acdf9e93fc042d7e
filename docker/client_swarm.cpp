// Calls about the Swarm: services, tasks, nodes, networks, secrets. They need a manager.
#include "docker/call.hpp"

#include <boost/beast/core/detail/base64.hpp>

namespace berth::docker {

namespace {

std::string base64(const std::string& bytes)
{
    namespace codec = boost::beast::detail::base64;
    std::string text(codec::encoded_size(bytes.size()), '\0');
    text.resize(codec::encode(text.data(), bytes.data(), bytes.size()));
    return text;
}

struct SecretCreate {
    std::string Name;
    StringMap Labels;
    std::string Data;
};
BOOST_DESCRIBE_STRUCT(SecretCreate, (), (Name, Labels, Data))

} // namespace

awaitable<EngineVersion> Client::version()
{
    Call call{"version", "GET", "/version"};
    co_return decode_reply<EngineVersion>("version", co_await get(std::move(call)));
}

awaitable<SystemInfo> Client::info()
{
    Call call{"info", "GET", "/info"};
    co_return decode_reply<SystemInfo>("info", co_await get(std::move(call)));
}

awaitable<std::string> Client::swarm_init(SwarmInit request)
{
    Call call{"swarm_init", "POST", "/swarm/init", request_body(request)};
    co_return decode_reply<std::string>("swarm_init", co_await get(std::move(call)));
}

awaitable<Swarm> Client::swarm()
{
    Call call{"swarm_inspect", "GET", "/swarm"};
    co_return decode_reply<Swarm>("swarm_inspect", co_await get(std::move(call)));
}

awaitable<std::optional<Service>> Client::find_service(std::string name_or_id)
{
    Call call{"service_inspect", "GET", "/services/" + url_encode(name_or_id)};
    co_return co_await find_as<Service>(std::move(call));
}

awaitable<std::vector<Service>> Client::list_services(Filters filters)
{
    Call call{"service_list", "GET", "/services" + query({{"filters", filters_text(filters)}})};
    co_return co_await list<Service>(std::move(call));
}

awaitable<std::string> Client::create_service(ServiceSpec spec)
{
    Call call{"service_create", "POST", "/services/create", request_body(spec)};
    co_return co_await created(std::move(call), "ID");
}

awaitable<> Client::update_service(std::string id, std::uint64_t version, ServiceSpec spec)
{
    Call call{"service_update", "POST",
        "/services/" + url_encode(id) + "/update?version=" + std::to_string(version), request_body(spec)};
    co_await perform(std::move(call));
}

awaitable<> Client::remove_service(std::string id)
{
    Call call{"service_remove", "DELETE", "/services/" + url_encode(id)};
    co_await forget(std::move(call));
}

awaitable<std::vector<Task>> Client::list_tasks(Filters filters)
{
    Call call{"task_list", "GET", "/tasks" + query({{"filters", filters_text(filters)}})};
    co_return co_await list<Task>(std::move(call));
}

awaitable<std::vector<Node>> Client::list_nodes(Filters filters)
{
    Call call{"node_list", "GET", "/nodes" + query({{"filters", filters_text(filters)}})};
    co_return co_await list<Node>(std::move(call));
}

awaitable<std::optional<Node>> Client::find_node(std::string id)
{
    Call call{"node_inspect", "GET", "/nodes/" + url_encode(id)};
    co_return co_await find_as<Node>(std::move(call));
}

awaitable<> Client::update_node(std::string id, std::uint64_t version, NodeSpec spec)
{
    Call call{"node_update", "POST", "/nodes/" + url_encode(id) + "/update?version=" + std::to_string(version),
        request_body(spec)};
    co_await perform(std::move(call));
}

awaitable<std::vector<Network>> Client::list_networks(Filters filters)
{
    Call call{"network_list", "GET", "/networks" + query({{"filters", filters_text(filters)}})};
    co_return co_await list<Network>(std::move(call));
}

awaitable<std::optional<Network>> Client::find_network(std::string name_or_id)
{
    Call call{"network_inspect", "GET", "/networks/" + url_encode(name_or_id)};
    co_return co_await find_as<Network>(std::move(call));
}

awaitable<std::string> Client::create_network(NetworkCreate request)
{
    Call call{"network_create", "POST", "/networks/create", request_body(request)};
    co_return co_await created(std::move(call), "Id");
}

awaitable<> Client::remove_network(std::string id)
{
    Call call{"network_remove", "DELETE", "/networks/" + url_encode(id)};
    co_await forget(std::move(call));
}

awaitable<std::vector<SecretInfo>> Client::list_secrets(Filters filters)
{
    Call call{"secret_list", "GET", "/secrets" + query({{"filters", filters_text(filters)}})};
    co_return co_await list<SecretInfo>(std::move(call));
}

awaitable<std::string> Client::create_secret(std::string name, StringMap labels, Secret content)
{
    const SecretCreate request{std::move(name), std::move(labels), base64(content.reveal())};
    Call call{"secret_create", "POST", "/secrets/create", request_body(request)};
    co_return co_await created(std::move(call), "ID");
}

awaitable<> Client::remove_secret(std::string id)
{
    Call call{"secret_remove", "DELETE", "/secrets/" + url_encode(id)};
    co_await forget(std::move(call));
}

namespace {

std::string_view list_name(const std::string& plural)
{
    static const std::map<std::string, std::string_view, std::less<>> kNames{
        {"services", "service_list"}, {"tasks", "task_list"}, {"nodes", "node_list"}, {"networks", "network_list"}};
    const auto known = kNames.find(plural);
    if (known == kNames.end()) throw Error{Errc::Internal, "no list of " + plural};
    return known->second;
}

} // namespace

awaitable<std::string> Client::list_text(std::string plural, Filters filters)
{
    Call call{list_name(plural), "GET", "/" + plural + query({{"filters", filters_text(filters)}})};
    auto response = co_await perform(std::move(call));
    co_return std::move(response.body);
}

json::array Client::parse_list(const std::string& plural, const std::string& text)
{
    const auto name = list_name(plural);
    auto reply = parse_reply(name, text);
    if (reply.is_null()) return {};
    if (!reply.is_array()) throw Error{Errc::Internal, "docker " + std::string(name) + ": expected a list"};
    return std::move(reply.get_array());
}

} // namespace berth::docker
