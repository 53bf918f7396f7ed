using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Export;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Import;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Ingest.Routes;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Transfer;

/// <summary>Finds the tables of a copy on both sides, matches their columns, and chooses how their rows go.</summary>
/// <param name="from">The source's coordinator.</param>
/// <param name="to">The target's.</param>
internal sealed class CopyPlanner(ClusterCopy copy, CitusConnection from, NpgsqlConnection source, CitusConnection to,
    NpgsqlConnection target)
{
    private string? _settings;

    /// <exception cref="Errors.CitusException">A table is missing on a side, or can't take the other's rows.</exception>
    public async Task<TablePlan> PlanAsync(TableName name, CancellationToken stop)
    {
        // The name means what it means in the source; the target's search path may lead to another schema's table.
        TableInfo? own = copy.Query is null ? await TableCatalog.FindAsync(from, source, name, stop) : null;
        TableInfo into = await TableCatalog.FindAsync(to, target, own?.Name ?? name, stop);
        TableInfo table = own ?? into;
        IReadOnlyList<TableColumn> columns = copy.Query is null ? table.Columns : await QueryColumnsAsync(copy.Query, stop);
        ColumnMatch match = await ColumnMatch.ReadAsync(source, columns, target, into, stop);
        if (copy.Query is not null) match = match with { Columns = [.. columns.Select(c => into.FindColumn(c.Name)!)] };
        await SequenceCopy.RequireAsync(source, copy.Query is null ? table : null, target, into, match.Columns, stop);
        ConflictRule? rule = copy.OnConflict == ConflictAction.Error ? null
            : await ConflictRule.FindAsync(target, into, copy.OnConflict, copy.KeyColumns, stop);
        bool alike = copy.Query is null && await HashesAlikeAsync(table, into, stop);
        (CopyMethod method, string reason, int parallel) = await ChooseAsync(table, into, match, rule, alike, stop);
        return new TablePlan(table, into, match)
        {
            Method = method, Reason = reason, Parallel = parallel, Rule = rule, Query = copy.Query, HashesAlike = alike,
            IsSourcePartitioned = copy.Query is null && await source.ScalarAsync<bool>(
                "SELECT relkind = 'p' FROM pg_catalog.pg_class WHERE oid = $1::oid", stop, table.Oid),
            SourceId = $"{await CoordinatorFacts.IdentifierAsync(source, stop)} {from.Database} "
                + $"{(copy.Query is null ? table.Oid : copy.Query)}",
            SourceSettings = _settings ??= await ValueSettings.ReadAsync(source, stop),
            Triggers = await FiringTrigger.ReadAsync(target, into.Oid, stop),
            SourceName = $"{from.Server}:{from.Port}/{from.Database} {(copy.Query ?? table.Name.ToString())}",
        };
    }

    private async Task<(CopyMethod Method, string Reason, int Parallel)> ChooseAsync(TableInfo table, TableInfo into, ColumnMatch match,
        ConflictRule? rule, bool alike, CancellationToken stop)
    {
        string? asText = copy.Query is not null ? "these are the rows of a query"
            : rule is not null ? "keys that the table has already are compared there" : match.WhyText;
        var obstacles = new RouteObstacles(new ShardRoute(to, null, TablePlan.RowsOf(into, match)), target, null);
        string? obstacle = into.Kind != TableKind.Distributed ? null : asText ?? await obstacles.ToShardsAsync(stop)
            ?? (alike ? null : ChangedKey(table, into));
        if (into.Kind != TableKind.Distributed || obstacle is not null)
            return (CopyMethod.Coordinator, $"by COPY into {into.Display} on the target's coordinator, "
                + $"{(asText is null ? "in binary form" : $"as text, because {asText}")}"
                + $"{(obstacle is null || obstacle == asText ? "" : $", and not straight into the shards, because {obstacle}")}.", 1);
        List<(int Min, int Max)> ranges = await RangesAsync(target, into, stop);
        List<(int Min, int Max)> sources = alike ? await RangesAsync(source, table, stop) : [];
        // The shards of the target that one part fills.
        int most = alike ? sources.Max(s => ranges.Count(r => r.Min <= s.Max && s.Min <= r.Max)) : ranges.Count;
        int parallel = (int)Math.Clamp((long)obstacles.Room * ranges.Count / most, 1, copy.Parallel);
        string limited = parallel == copy.Parallel ? "" : $" {parallel} at a time: the nodes have room for no more sessions.";
        return sources.SequenceEqual(ranges)
            ? (CopyMethod.Pipe, "each shard straight into the one with the same hash range, in binary form and with no value read."
                + limited, parallel)
            : (CopyMethod.Split, $"straight into the shards, in binary form, by the hash of {into.DistributionColumn}, because "
                + (alike ? "source and target have other hash ranges." : "the source does not place rows by that column's hash as the target does.") + limited,
                parallel);
    }

    /// <summary>Why the key's values may be others in the target, where it rounds them or cuts them off, or null.</summary>
    private static string? ChangedKey(TableInfo table, TableInfo into)
    {
        TableColumn key = into.FindColumn(into.DistributionColumn!)!;
        string? from = table.FindColumn(key.Name)?.TypeName;
        return key.TypeName.Contains('(', StringComparison.Ordinal) && from != key.TypeName
            ? $"{key.Name} is {from} in the source and {key.TypeName} in the target, which may change its values" : null;
    }

    private static async Task<List<(int, int)>> RangesAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop) =>
        [.. (await ShardMap.ReadAsync(session, table, stop)).Select(s => (s.HashMin, s.HashMax)).Distinct()];

    // Texts of another encoding have other bytes, and other hashes; RouteObstacles looks at the target's.
    private async Task<bool> HashesAlikeAsync(TableInfo table, TableInfo into, CancellationToken stop) =>
        table.Kind == TableKind.Distributed && into.Kind == TableKind.Distributed && table.DistributionColumn is { } key
        && key == into.DistributionColumn && table.FindColumn(key)!.TypeName == into.FindColumn(key)!.TypeName
        && await source.ScalarAsync<bool>("""
            SELECT (NOT $3 OR pg_catalog.current_setting('server_encoding') IN ('UTF8', 'SQL_ASCII')) AND coalesce((SELECT l.collisdeterministic FROM pg_catalog.pg_attribute a
                JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation WHERE a.attrelid = $1::oid AND a.attname = $2), true)
            """, stop, table.Oid, key, TableColumn.IsText(table.FindColumn(key)!.TypeOid));

    private async Task<IReadOnlyList<TableColumn>> QueryColumnsAsync(string query, CancellationToken stop)
    {
        await using NpgsqlConnection user = await from.OpenUserSessionAsync(stop);
        await using var command = new NpgsqlCommand(query, user);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(System.Data.CommandBehavior.SchemaOnly, stop);
        return [.. Enumerable.Range(0, row.FieldCount).Select(i =>
            new TableColumn(row.GetName(i), row.GetDataTypeName(i), row.GetDataTypeOID(i), false, false, false, false))];
    }
}
