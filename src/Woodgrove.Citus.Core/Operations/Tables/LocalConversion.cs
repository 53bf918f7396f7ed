using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Plans that a distributed or reference table becomes a local one of the coordinator, with its rows.</summary>
public sealed record LocalConversion(CitusConnection Connection, TableName Table)
{
    /// <summary>Whether the tables that foreign keys link with it become local, too.</summary>
    public bool CascadeViaForeignKeys { get; init; }

    public Action<string> Warn { get; init; } = _ => { };

    /// <exception cref="Errors.CitusException">Citus would refuse it.</exception>
    public async Task<ClusterChange> PlanAsync(CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(Connection, stop);
        TableInfo table = await TableCatalog.FindAsync(Connection, session, Table, stop);
        string action = $"Make {table.Display} a local table of the coordinator";
        // Of local tables, those have a colocation id that Citus keeps in its metadata.
        if (table is { Kind: TableKind.Local, ColocationId: null })
            return new ClusterChange { Action = action, Target = table.Display, Sql = [] };
        if (table.Kind == TableKind.Schema) throw TableChangeErrors.OfSchema(table);
        List<ForeignKey> keys = await ForeignKey.ReadAsync(session, [table.Oid], stop);
        List<(uint Oid, string Table)> linked = await ForeignKey.LinkedAsync(session, table.Oid, stop);
        if (keys.Count > 0 && !CascadeViaForeignKeys) throw TableChangeErrors.Linked(table.Display, keys, linked.Select(l => l.Table));
        var losses = new List<string>();
        foreach ((uint oid, string name) in linked)
        {
            RewriteFacts facts = await RewriteFacts.ReadAsync(session, oid, stop);
            facts.Refuse(name);
            losses.AddRange(facts.Losses(name));
        }
        TableShards shards = await TableShards.ReadAsync(Connection, session, [.. linked.Select(l => l.Oid)], Warn, stop);
        string[] names = [.. linked.Select(l => l.Table)];
        if (names.Length > 1)
            losses.Add($"Foreign keys link {string.Join(", ", names.Skip(1))} with {table.Display}: they are no longer distributed, either.");
        return new ClusterChange
        {
            Action = names.Length > 1 ? $"{action}, with {string.Join(", ", names.Skip(1))}" : action,
            Target = table.Display,
            Sql = [$"SELECT pg_catalog.undistribute_table({TableName.Literal(table.Name.ToString())}"
                + $"{(keys.Count > 0 ? ", cascade_via_foreign_keys := true" : "")})"],
            Tables = names,
            Shards = shards.Shards,
            SizeBytes = shards.SizeBytes,
            Locks = [.. RewriteFacts.Locks(string.Join(", ", names)), "The coordinator's disk must have room for all rows."],
            Losses = losses,
        };
    }
}
