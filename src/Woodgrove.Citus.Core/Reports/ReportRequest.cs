using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Plans;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Reports;

/// <summary>Which facts a report is to show.</summary>
/// <param name="Tables">Names of tables; empty for all.</param>
public sealed record ReportRequest(CitusConnection Connection, IReadOnlyList<string> Tables)
{
    public string? Title { get; init; }
    public IReadOnlyList<CitusQueryPlan> Plans { get; init; } = [];
    public Action<string> Explain { get; init; } = _ => { };

    /// <summary>Told what could not be read; the report says so too.</summary>
    public Action<string> Warn { get; init; } = _ => { };

    /// <summary>Asks the cluster. What the role may not read is missing from the facts, and they say so.</summary>
    public async Task<ReportFacts> ReadAsync(CancellationToken stop)
    {
        var missing = new List<string>();
        List<DistributedTable> tables = await ListAsync(ClusterMetadata.TablesAsync(Connection, Tables, true, Warn, stop));
        List<string> names = [.. tables.Select(t => t.Table)];
        return new ReportFacts
        {
            Title = Title ?? $"The cluster of {Connection.Database}",
            CreatedAt = DateTime.UtcNow,
            Cluster = $"{Connection.Database} on {Connection.Server}:{Connection.Port}",
            Engine = $"{Connection.Engine} {Connection.CitusVersion} on PostgreSQL {Connection.ServerVersion}",
            UserName = Connection.UserName,
            Nodes = await ListAsync(ClusterMetadata.NodesAsync(Connection, true, _ => { }, stop)),
            Tables = tables,
            Placements = await ListAsync(ClusterMetadata.PlacementsAsync(Connection, Tables, null, true, _ => { }, stop)),
            Skews = await TryAsync("The skew of the tables", () => SkewsAsync(tables, stop), missing),
            Imports = await TryAsync<CitusImport>("The imports",
                async () => [.. (await CitusImport.ListAsync(Connection, null, null, stop)).Where(i => Tables.Count == 0
                    || names.Any(n => IsNamed(i, n)))], missing),
            Plans = Plans,
            Missing = missing,
        };
    }

    private async Task<IReadOnlyList<ShardSkew>> SkewsAsync(List<DistributedTable> tables, CancellationToken stop)
    {
        List<string> hashed = [.. tables.Where(t => t.DistributionColumn is not null).Select(t => t.Table)];
        if (hashed.Count == 0) return [];
        // All need not be named, and a name in a schema that the role may not use would be refused.
        return await new SkewMeasurement(Connection) { Explain = Explain, Refuse = e => Warn(e.Message) }.MeasureAsync(Tables.Count == 0
            ? [] : hashed, SkewMeasure.Bytes, stop);
    }

    private async Task<IReadOnlyList<T>> TryAsync<T>(string what, Func<Task<IReadOnlyList<T>>> read, List<string> missing)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (e is CitusException or Npgsql.NpgsqlException)
        {
            string text = $"{what} could not be read: {PostgresErrors.Describe(e).What}";
            missing.Add(text);
            Warn(text);
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
