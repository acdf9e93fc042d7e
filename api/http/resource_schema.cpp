// How OpenAPI describes the generic resources.

#include "api/http/resource.hpp"

namespace berth::resource {

namespace {

json::object text(const char* description) { return {{"type", "string"}, {"description", description}}; }
json::object constant(std::string_view value) { return {{"type", "string"}, {"const", value}}; }
json::object array_of(json::object items) { return {{"type", "array"}, {"items", std::move(items)}}; }

/// Meta as a client may write it.
json::object meta_input(SchemaRegistry& schemas)
{
    auto meta = schemas.components().at("Meta").as_object();
    auto& fields = meta["properties"].as_object();
    for (const char* field : kNotTheClients) fields[field] = {{"description", "as it was read; ignored"}};
    fields["org"].as_object()["description"] = "the path's, or left out";
    fields["resourceVersion"] = text("the revision that must still be the present one: 409 when it is not");
    fields["uid"] = text("the object that must be the present one");
    meta["description"] = "Of a PUT: the name is the path's.";
    schemas.add_component("MetaInput", std::move(meta));
    return SchemaRegistry::ref("MetaInput");
}

} // namespace

void complete_schema(SchemaRegistry& schemas, const KindInfo& kind)
{
    const std::string name(kind.kind);
    auto schema = schemas.components().at(name).as_object();
    auto& properties = schema["properties"].as_object();
    properties["apiVersion"] = constant(kApiVersion);
    properties["kind"] = constant(kind.kind);
    schema["required"] = json::array{"apiVersion", "kind", "metadata", "spec", "status"};
    schemas.add_component(name, std::move(schema));
    auto meta = schemas.components().at("Meta").as_object();
    meta["properties"].as_object()["resourceVersion"] = text("opaque; changes with every write");
    schemas.add_component("Meta", std::move(meta));
}

json::object list_schema(SchemaRegistry& schemas, const ResourceKind& kind)
{
    const auto name = std::string(kind.info().kind) + "List";
    json::object properties{{"resourceVersion", text("a watch from here on misses nothing")},
        {"continue", text("for the next page; missing on the last")}};
    json::object metadata{
        {"type", "object"}, {"required", {"resourceVersion"}}, {"properties", std::move(properties)}};
    json::object members{{"apiVersion", constant(kApiVersion)}, {"kind", constant(name)},
        {"metadata", std::move(metadata)}, {"items", array_of(kind.schema(schemas))}};
    schemas.add_component(
        name, {{"type", "object"}, {"required", {"apiVersion", "kind", "metadata", "items"}},
                  {"properties", std::move(members)}});
    return SchemaRegistry::ref(name);
}

json::object input_schema(SchemaRegistry& schemas, const ResourceKind& kind)
{
    kind.schema(schemas);
    const std::string name(kind.info().kind);
    auto schema = schemas.components().at(name).as_object();
    auto& properties = schema["properties"].as_object();
    properties["metadata"] = meta_input(schemas);
    properties["status"] = {{"description", "as it was read; ignored: it is written by controllers"}};
    schema["required"] = json::array{"metadata", "spec"};
    schemas.add_component(name + "Input", std::move(schema));
    return SchemaRegistry::ref(name + "Input");
}

json::object patch_schema(SchemaRegistry& schemas)
{
    json::object either{{"type", json::array{"string", "null"}}};
    json::object entries{
        {"type", json::array{"object", "null"}}, {"additionalProperties", std::move(either)}};
    json::object fields{{"name", text("the path's, or left out")}, {"org", text("the path's, or left out")},
        {"resourceVersion", text("the revision that must still be the present one")}, {"labels", entries},
        {"annotations", entries}};
    json::object metadata{
        {"type", "object"}, {"properties", std::move(fields)}, {"additionalProperties", false}};
    json::object spec{{"type", "object"},
        {"description", "members of the kind's spec; null puts one back to what it is when left out"}};
    schemas.add_component("MergePatch",
        {{"type", "object"}, {"additionalProperties", false},
            {"properties", {{"apiVersion", constant(kApiVersion)}, {"kind", {{"type", "string"}}},
                               {"metadata", std::move(metadata)}, {"spec", std::move(spec)}}}});
    return SchemaRegistry::ref("MergePatch");
}

json::object event_schema(SchemaRegistry& schemas, const ResourceKind& kind)
{
    json::object object{
        {"description",
            "the object; of a BOOKMARK only its metadata.resourceVersion; of an ERROR the body of an error"},
        {"anyOf", json::array{kind.schema(schemas), json::object{{"type", "object"}}}}};
    json::object type{{"type", "string"}, {"enum", {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"}}};
    return {{"type", "object"}, {"required", {"type", "object"}},
        {"properties", {{"type", std::move(type)}, {"object", std::move(object)}}}};
}

} // namespace berth::resource
