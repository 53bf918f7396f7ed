using ArchUnitNET.Domain;
using ArchUnitNET.Loader;
using Woodgrove.Citus.Errors;
using Architecture = ArchUnitNET.Domain.Architecture;

namespace Woodgrove.Citus.Core.Tests.Architectures;

/// <summary>The engine's layers, as docs/architecture.md describes them.</summary>
public sealed class LayerTests
{
    private const string Root = "Woodgrove.Citus.";

    /// <summary>The engine's namespaces from the lowest to the highest: each may use those before it.</summary>
    internal static readonly string[] Layers =
    [
        "Errors", "Sql", "Files", "Connections", "Values", "Catalog", "Csv.Sources", "Csv", "Queries",
        "Ingest.Copy", "Ingest.Mapping", "Ingest.Ledger", "Ingest.Commit", "Ingest.Merge", "Ingest.Rejects", "Ingest.Routes",
        "Ingest.Import", "Ingest.Rows",
        "Plans", "Plans.Reading", "Plans.Advice", "Plans.Requests",
        "Activity", "Jobs", "Shards", "Profiling", "Tables", "Export", "Comparison", "Validation", "Settings",
        "Validation.Checks", "Reports", "Sandbox", "Schema", "Transfer", "Operations", "Operations.Tables",
        "Operations.Shards", "Operations.Nodes",
    ];

    private static readonly Architecture Engine = new ArchLoader().LoadAssembly(typeof(CitusException).Assembly).Build();

    [Fact]
    public void Every_namespace_uses_only_those_below_it()
    {
        var upward = Engine.Types.Where(IsOurs)
            .SelectMany(type => type.Dependencies.Select(d => d.Target).Where(IsOurs).Select(target => (type, target)))
            .Where(edge => Level(edge.type) < Level(edge.target))
            .Select(edge => $"{edge.type.FullName} uses {edge.target.FullName}").Distinct().Order();

        Assert.Empty(upward);
    }

    [Fact]
    public void Every_namespace_has_its_place_and_every_place_its_namespace()
    {
        string[] namespaces = Engine.Types.Where(IsOurs).Select(Layer).Distinct().Order().ToArray();

        Assert.Equal(Layers.Order(), namespaces);
    }

    private static bool IsOurs(IType type) => type.Namespace?.FullName.StartsWith(Root, StringComparison.Ordinal) is true;

    private static string Layer(IType type) => type.Namespace.FullName[Root.Length..];

    private static int Level(IType type) => Array.IndexOf(Layers, Layer(type));
}
