using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Plans;
using Woodgrove.Citus.Shards;
using Woodgrove.Citus.Validation;

namespace Woodgrove.Citus.Reports;

/// <summary>Which facts a report is to show.</summary>
/// <param name="Tables">Names of tables; empty for all.</param>
public sealed record ReportRequest(CitusConnection Connection, IReadOnlyList<string> Tables)
{
    public string? Title { get; init; }
    public IReadOnlyList<CitusQueryPlan> Plans { get; init; } = [];
    /// <summary>Whether the module's own tables are shown, where none is named.</summary>
    public bool IncludeModule { get; init; }

    public Action<string> Explain { get; init; } = _ => { };

    /// <summary>Receives what could not be read; the report says so too.</summary>
    public Action<string> Warn { get; init; } = _ => { };

    /// <summary>Asks the cluster. What the role may not read is missing from the facts, and they say so.</summary>
    public async Task<ReportFacts> ReadAsync(CancellationToken stop)
    {
        var missing = new List<string>();
        IReadOnlyList<CitusNode> nodes = await ListAsync(ClusterMetadata.NodesAsync(Connection, true, _ => { }, stop));
        string down = string.Join(", ", nodes.Where(n => n.Reachable == false).Select(n => $"{n.NodeName}:{n.NodePort}"));
        if (down.Length > 0) Tell($"{down} cannot be reached: sizes and skew of tables with shards there are missing.", missing);
        List<DistributedTable> tables = await ListAsync(ClusterMetadata.TablesAsync(Connection, Tables, true, WarnOfSizes, stop,
            IncludeModule));
        List<string> names = [.. tables.Select(t => t.Table)];
        return new ReportFacts
        {
            Title = Title ?? $"The cluster of {Connection.Database}",
            CreatedAt = DateTime.UtcNow,
            Cluster = $"{Connection.Database} on {Connection.Server}:{Connection.Port}",
            Engine = $"{Connection.Engine} {Connection.CitusVersion} on PostgreSQL {Connection.ServerVersion}",
            UserName = Connection.UserName,
            Checks = await TryAsync("The checks",
                () => new ClusterValidation([], [], new Dictionary<string, double>(), TimeSpan.FromSeconds(10))
                    { IncludeModule = IncludeModule }.RunAsync(Connection,
                    Explain, stop), missing),
            Nodes = nodes,
            Tables = tables,
            Placements = await ListAsync(ClusterMetadata.PlacementsAsync(Connection, Tables, null, true, _ => { }, stop, IncludeModule)),
            Skews = await TryAsync("The skew of the tables", () => SkewsAsync(tables, down, missing, stop), missing),
            Imports = await TryAsync<CitusImport>("The imports",
                async () => [.. (await CitusImport.ListAsync(Connection, null, stop)).Where(i => Tables.Count == 0
                    || names.Any(n => IsNamed(i, n)))], missing),
            Plans = Plans,
            Missing = missing,
        };

        // A node that is down is reported once, not for each figure that it has.
        void WarnOfSizes(string text)
        {
            if (down.Length == 0) Warn(text);
        }
    }

    private void Tell(string text, List<string> missing)
    {
        missing.Add(text);
        Warn(text);
    }

    private async Task<IReadOnlyList<ShardSkew>> SkewsAsync(List<DistributedTable> tables, string down, List<string> missing,
        CancellationToken stop)
    {
        List<string> hashed = [.. tables.Where(t => t.DistributionColumn is not null).Select(t => t.Table)];
        if (hashed.Count == 0) return [];
        // All need not be named, and a name in a schema that the role may not use would be refused.
        var refused = new List<CitusException>();
        IReadOnlyList<ShardSkew> skews = await new SkewMeasurement(Connection) { Explain = Explain, IncludeModule = IncludeModule,
            Refuse = refused.Add }.MeasureAsync(Tables.Count == 0 ? [] : hashed, SkewMeasure.Bytes, stop);
        if (refused.Count > 0 && down.Length == 0)
            Tell(refused.Count == 1 ? refused[0].Message
                : $"The skew of {refused.Count} tables could not be measured, of the first as {refused[0].Message}", missing);
        return skews;
    }

    private async Task<IReadOnlyList<T>> TryAsync<T>(string what, Func<Task<IReadOnlyList<T>>> read, List<string> missing)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (e is CitusException or Npgsql.NpgsqlException)
        {
            Tell($"{what} could not be read: {PostgresErrors.Describe(e).What}", missing);
            return [];
        }
    }

    private static async Task<List<T>> ListAsync<T>(IAsyncEnumerable<T> items)
    {
        var list = new List<T>();
        await foreach (T item in items) list.Add(item);
        return list;
    }

    /// <summary>The ledger keeps names with their schema.</summary>
    private static bool IsNamed(CitusImport import, string table) =>
        import.Table == table || import.Table.EndsWith("." + table, StringComparison.Ordinal);
}
