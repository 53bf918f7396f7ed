using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Operations.Shards;

/// <summary>Plans a shard of its own for one distribution value, in its table and those colocated with it.</summary>
public static class TenantSplitter
{
    /// <param name="toNode">Where the new shard is moved to; null leaves it where it is.</param>
    /// <param name="mode">Citus's own word: auto, force_logical or block_writes.</param>
    /// <param name="warn">Receives sizes that could not be read.</param>
    /// <exception cref="Errors.CitusException">The split would be refused.</exception>
    public static async Task<ClusterChange> PlanAsync(CitusConnection connection, string tableName, object value, string? toNode, string mode,
        Action<string> warn, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        if (!connection.IsCitus) throw ChangeErrors.NotSupported(connection, "A shard of its own for a value");
        List<ClusterNode> nodes = await ClusterNode.ListAsync(session, stop);
        ClusterNode? target = toNode is null ? null : ClusterNode.FindTarget(nodes, toNode);
        TableInfo table = await TableCatalog.FindAsync(connection, session, TableName.Parse(tableName), stop);
        var resolver = await ShardResolver.OpenAsync(session, table, stop);
        ShardLocation at = (await resolver.ResolveAsync(session, [value], stop))[0].Location();
        ShardGroup group = await ShardGroup.ReadAsync(connection, session, at.ShardId, warn, stop);
        string text = ValueText.Of(value)!;
        string name = TableName.Literal(table.Name.Sql) + "::pg_catalog.regclass",
            tenant = $"{TableName.Literal(text)}::{table.FindColumn(table.DistributionColumn!)!.TypeName}";
        bool isOwn = group.Hashes is { } hashes && hashes.Min == hashes.Max;
        ClusterNode source = nodes.First(n => n.NodeId == group.NodeIds[0]);
        var sql = new List<string>();
        if (!isOwn)
        {
            ShardSplitter.Require(group);
            sql.Add($"SELECT pg_catalog.isolate_tenant_to_new_shard({name}, {tenant}, "
                + $"{(group.Members.Count > 1 ? "'CASCADE'" : "''")}, {ShardGroup.Mode(mode)})");
        }
        if (target is not null && target != source)
            sql.Add(ShardMover.Move($"pg_catalog.get_shard_id_for_distribution_column({name}, {tenant})", source, target, mode));
        if (sql.Count > 0) await group.RequireTransferableAsync(session, mode, stop);
        ReferenceCopies copies = sql.Count == 0 ? new([], [])
            : await ReferenceCopies.ReadAsync(session, mode, target is null || target == source ? [source.NodeId] : null, stop);
        return new ClusterChange
        {
            Action = $"Give {table.DistributionColumn} {text} of {table.Display} a shard of its own"
                + (target is null ? "" : $" on {target.Name}"),
            Target = $"shard {group.ShardId}",
            Sql = [.. copies.Sql, .. sql],
            Shards = group.Shards, Tables = group.Tables, SizeBytes = sql.Count == 0 ? null : group.SizeBytes,
            Locks = [.. copies.Locks, .. group.Locks(mode)],
        };
    }
}
