using System.Text.Json.Serialization;

namespace StreamObserve.Broker.Topics;

/// <summary>A topic as the catalog file has it.</summary>
internal sealed record CatalogTopic(string Name, Guid Id, int Partitions, Dictionary<string, string> Configs);

/// <summary>The content of the catalog file.</summary>
internal sealed record CatalogFile(string ClusterId, IReadOnlyList<CatalogTopic> Topics);

/// <summary>Its serialisation, without reflection.</summary>
[JsonSerializable(typeof(CatalogFile))]
internal sealed partial class CatalogJson : JsonSerializerContext;
