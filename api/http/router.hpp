#pragma once
// The route table: which handler answers what, who may call it, and how OpenAPI describes it. One table
// serves for matching, for access and for the document, so they can't disagree.
//
//   router.post<StartRequest>("/api/containers/start", Doc{.summary = "Start a workspace", .tag =
//   "Containers",
//       .success = 201, .roles = kUsers, .errors = {503}}, &Containers::start, this);
//   awaitable<Answer<StartAnswer>> Containers::start(Call call, StartRequest request);
//
// Filled at start and read afterwards, on the I/O thread. Handlers take everything by value.

#include "api/http/auth.hpp"
#include "api/http/reply.hpp"
#include "api/types/formats.hpp"
#include "controller/base/schema.hpp"

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/verb.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace berth {

namespace http = boost::beast::http;

/// Lives as long as one TCP connection: for handlers that must know what this peer got before (long polls).
struct ConnectionState {
    std::uint64_t id = 0;
    std::string remote; ///< address without port
    std::map<std::string, std::string, std::less<>> memory;
};

/// One request, as a handler sees it.
struct Call {
    Principal principal;
    std::string method;                                           ///< "GET"; a HEAD request arrives as GET
    std::string path;                                             ///< as sent, without the query
    std::map<std::string, std::string, std::less<>> path_params;  ///< decoded
    std::map<std::string, std::string, std::less<>> query_params; ///< decoded and checked against Doc::query
    http::fields headers;
    std::string body; ///< within the route's max_body; for typed handlers already decoded
    std::string remote;
    std::string request_id;
    std::shared_ptr<ConnectionState> connection;

    /// Of the route's pattern. A name that the pattern does not have is a bug: throws std::logic_error.
    const std::string& param(std::string_view name) const;
    /// The query parameter as given, else its default of Doc::query, else nothing.
    std::optional<std::string> query(std::string_view name) const;
    /// For Param::integer with a default. Throws Error{Invalid} for what is not a number.
    std::int64_t query_int(std::string_view name) const;
    /// For Param::flag: "1", "true" or the bare name.
    bool query_flag(std::string_view name) const;
    std::string_view header(std::string_view name) const;
    /// The body as JSON within the limits; Error{Invalid} when it is not.
    json::value json_body() const;

    std::map<std::string, std::string, std::less<>> query_defaults;
};

/// A documented and checked parameter. Requests with a query parameter that is not described are refused
/// (400).
struct Param {
    std::string name;
    std::string description;
    json::object schema;
    bool required = false;
    const TextFormat* format = nullptr;

    static Param text(std::string name, std::string description, std::size_t max_length = 256,
        const TextFormat& format = kCleanText);
    static Param integer(std::string name, std::string description, std::int64_t minimum,
        std::int64_t maximum, std::optional<std::int64_t> fallback = std::nullopt);
    static Param choice(std::string name, std::string description, std::vector<std::string> values);
    static Param flag(std::string name, std::string description);
};

/// A header of successful answers, for the document.
struct ReplyHeader {
    std::string name;
    std::string description;
    bool always = true;
};

/// Says that a successful answer names something that other routes are about: each operation at or below `item`
/// ("/api/containers/{id}") gets an OpenAPI link, with `parameters` as runtime expressions ({"id",
/// "$response.body#/id"}).
struct Made {
    std::string item;
    std::map<std::string, std::string> parameters;
};

/// Access lists for Doc::roles.
using Roles = std::vector<Role>;
inline const Roles kAdmins{Role::admin};
inline const Roles kUsers{Role::admin, Role::user};
inline const Roles kReaders{Role::admin, Role::user, Role::viewer};

/// What a route is for, who may call it, what it can answer.
struct Doc {
    std::string summary;
    std::string description = "";
    std::string tag = "Berth";
    std::string operation_id = ""; ///< default: from method and path
    unsigned success = 200;
    std::vector<unsigned> more_success = {}; ///< other 2xx/3xx answers with the same body (or none: 304)
    Roles roles = {};                        ///< who may call
    /// Nobody is asked for a key (a valid one is recognised all the same). A route with neither roles nor
    /// `open` is refused at registration: access is denied by default.
    bool open = false;
    std::vector<unsigned> errors =
        {}; ///< besides those that follow from the route: 400, 401, 403, 404, 413, …
    std::vector<Param> query = {};
    std::vector<Param> path = {};    ///< descriptions of path parameters; default: a DNS label
    std::vector<Param> headers = {}; ///< documentation only
    std::size_t max_body = 1 << 20;
    /// The handler may wait for long: it is cancelled when the client goes away or the server drains (503).
    bool long_poll = false;
    bool optional_body = false; ///< no body means the same as {}
    json::value example_request = nullptr;
    json::value example_response = nullptr;
    std::string content_type = "application/json";           ///< of the answer, for raw routes
    std::vector<std::string> accepts = {"application/json"}; ///< of the body
    std::vector<std::string> other_content = {};             ///< what the answer may be instead, as text
    bool conditional = false; ///< answers carry an ETag and If-None-Match is honoured: 304
    bool unlisted = false;    ///< between Berth's own parts: not in the OpenAPI document
    /// The security scheme of an `open` route that checks a token by itself; empty: none is needed.
    std::string scheme = "";
    std::vector<ReplyHeader> reply_headers = {};
    std::optional<Made> makes = std::nullopt;
    /// The schema of one line or event of `other_content`, when the answer may be a stream.
    std::function<json::object(SchemaRegistry&)> stream_item = nullptr;
};

/// One line of the table.
struct Route {
    using Handler = std::function<awaitable<Reply>(Call)>;
    using SchemaOf = std::function<json::object(SchemaRegistry&)>;

    std::string method;
    std::string pattern;
    Doc doc;
    Handler handler;
    SchemaOf request;  ///< unset: takes no body
    SchemaOf response; ///< unset: no described body
    std::vector<std::string> param_names;

    bool allows(const Principal& principal) const;
};

class Router {
public:
    Router();
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;
    ~Router();

    /// Any handler; the typed ones below end here. Throws std::logic_error on a duplicate, on a pattern that
    /// is not well-formed and on a Doc without access.
    void add(Route route);

    /// `handler(Call) -> awaitable<Out>`. Out: a described struct, std::vector of them, Answer<…>,
    /// json::value, Reply, void.
    template <class Handler, class... Self>
    void get(std::string path, Doc doc, Handler handler, Self*... self)
    {
        add_plain("GET", std::move(path), std::move(doc), bind(handler, self...));
    }
    template <class Handler, class... Self>
    void del(std::string path, Doc doc, Handler handler, Self*... self)
    {
        add_plain("DELETE", std::move(path), std::move(doc), bind(handler, self...));
    }
    /// `handler(Call, In) -> awaitable<Out>`: the body is decoded, members that In does not have are refused.
    /// In = void: `handler(Call)`, no body expected.
    template <class In, class Handler, class... Self>
    void post(std::string path, Doc doc, Handler handler, Self*... self)
    {
        add_typed<In>("POST", std::move(path), std::move(doc), bind(handler, self...));
    }
    template <class In, class Handler, class... Self>
    void put(std::string path, Doc doc, Handler handler, Self*... self)
    {
        add_typed<In>("PUT", std::move(path), std::move(doc), bind(handler, self...));
    }
    template <class In, class Handler, class... Self>
    void patch(std::string path, Doc doc, Handler handler, Self*... self)
    {
        add_typed<In>("PATCH", std::move(path), std::move(doc), bind(handler, self...));
    }

    struct Match {
        const Route* route = nullptr; ///< unset: the path exists with other methods, see `allow`
        std::vector<std::string> values;
        std::string allow; ///< "GET, HEAD, PUT"
    };
    /// Nothing when the path is unknown. `path` without query, not decoded. Throws Error{Invalid} for a
    /// segment whose decoding is not clean UTF-8 text without '/' and control characters.
    std::optional<Match> find(std::string_view method, std::string_view path) const;

    /// What a tag of Doc::tag is about, for the document.
    void describe_tag(std::string tag, std::string description)
    {
        tags_[std::move(tag)] = std::move(description);
    }
    /// In the order of registration.
    const std::vector<std::unique_ptr<Route>>& routes() const noexcept { return routes_; }
    /// Adds GET /api/openapi.json (open). Made at the first call, so mount everything before serving.
    void mount_openapi();
    json::object openapi() const;
    /// Checks and fills `call.query_params` from the text after '?'. Throws Error{Invalid}.
    static void read_query(const Route& route, std::string_view text, Call& call);

private:
    struct Node;

    awaitable<Reply> openapi_text();
    template <class Handler> static Handler bind(Handler handler) { return handler; }
    template <class Method, class Self> static auto bind(Method method, Self* self)
    {
        return [method, self](auto... arguments) { return (self->*method)(std::move(arguments)...); };
    }
    template <class Handler> void add_plain(const char* method, std::string path, Doc doc, Handler handler);
    template <class In, class Handler>
    void add_typed(const char* method, std::string path, Doc doc, Handler handler);

    std::vector<std::unique_ptr<Route>> routes_;
    std::unique_ptr<Node> root_;
    std::map<std::string, std::string> tags_;
    std::string document_;
};

namespace detail {

template <class T> struct awaited;
template <class T> struct awaited<awaitable<T>> {
    using type = T;
};
template <class T> struct is_answer : std::false_type {
    using value_type = T;
};
template <class T> struct is_answer<Answer<T>> : std::true_type {
    using value_type = T;
};

template <class Out> Reply to_reply(Out out, unsigned success)
{
    if constexpr (std::is_same_v<Out, Reply>) {
        return out;
    } else if constexpr (is_answer<Out>::value) {
        auto reply = Reply::json(out.status ? out.status : success, encode(out.value));
        reply.headers = std::move(out.headers);
        return reply;
    } else {
        return Reply::json(success, encode(out));
    }
}

template <class Out> awaitable<Reply> answer(awaitable<Out> work, unsigned success)
{
    if constexpr (std::is_void_v<Out>) {
        co_await std::move(work);
        co_return Reply::empty(success);
    } else {
        co_return to_reply(co_await std::move(work), success);
    }
}

/// The schema of what a handler returns; unset for Reply and void.
template <class Out> Route::SchemaOf response_schema()
{
    using Value = typename is_answer<Out>::value_type;
    if constexpr (std::is_void_v<Out> || std::is_same_v<Value, Reply>)
        return {};
    else
        return [](SchemaRegistry& schemas) { return schemas.of<Value>(); };
}

} // namespace detail

template <class Handler>
void Router::add_plain(const char* method, std::string path, Doc doc, Handler handler)
{
    using Out = typename detail::awaited<std::invoke_result_t<Handler&, Call>>::type;
    const auto success = doc.success;
    auto run = [handler, success](
                   Call call) mutable { return detail::answer<Out>(handler(std::move(call)), success); };
    add({method, std::move(path), std::move(doc), std::move(run), {}, detail::response_schema<Out>(), {}});
}

template <class In, class Handler>
void Router::add_typed(const char* method, std::string path, Doc doc, Handler handler)
{
    if constexpr (std::is_void_v<In>) {
        add_plain(method, std::move(path), std::move(doc), std::move(handler));
    } else {
        using Out = typename detail::awaited<std::invoke_result_t<Handler&, Call, In>>::type;
        const auto success = doc.success;
        auto run = [handler, success, optional = doc.optional_body](Call call) mutable {
            const bool none = optional && call.body.empty();
            auto body = decode<In>(none ? json::value(json::object{}) : call.json_body(), Unknown::Reject);
            return detail::answer<Out>(handler(std::move(call), std::move(body)), success);
        };
        auto request = [](SchemaRegistry& schemas) { return schemas.of<In>(); };
        add({method, std::move(path), std::move(doc), std::move(run), std::move(request),
            detail::response_schema<Out>(), {}});
    }
}

} // namespace berth
