using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Shards;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Plans that a distributed schema moves to another node.</summary>
/// <param name="ToNode">Its name and port, as pg_dist_node has them: host:port.</param>
public sealed record SchemaMove(CitusConnection Connection, string Schema, string ToNode)
{
    /// <summary><c>auto</c>, <c>force_logical</c> or <c>block_writes</c>.</summary>
    public string TransferMode { get; init; } = "auto";

    public Action<string> Warn { get; init; } = _ => { };

    /// <exception cref="Errors.CitusException">Citus would refuse it.</exception>
    public async Task<ClusterChange> PlanAsync(CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(Connection, stop);
        SchemaFacts schema = await SchemaFacts.ReadAsync(Connection, session, Schema, stop);
        if (!schema.IsDistributed) throw TableChangeErrors.SchemaNotDistributed(Schema);
        if (schema.Tables.Count == 0) throw TableChangeErrors.SchemaIsEmpty(Schema);
        List<(string Name, int Port, bool Takes, bool Has)> nodes = await session.ListAsync("""
            SELECT n.nodename, n.nodeport, n.shouldhaveshards AND n.isactive, EXISTS (SELECT FROM pg_catalog.pg_dist_schema s
                JOIN pg_catalog.pg_dist_partition p USING (colocationid) JOIN pg_catalog.pg_dist_shard d USING (logicalrelid)
                JOIN pg_catalog.pg_dist_placement l ON l.shardid = d.shardid WHERE s.schemaid = $1::oid AND l.groupid = n.groupid)
            FROM pg_catalog.pg_dist_node n WHERE n.noderole = 'primary' ORDER BY 1, 2
            """, row => (row.GetString(0), row.GetInt32(1), row.GetBoolean(2), row.GetBoolean(3)), stop, schema.Oid);
        var node = nodes.Find(n => $"{n.Name}:{Port(n.Port)}" == ToNode);
        string[] others = [.. nodes.Where(n => n.Takes && !n.Has).Select(n => $"{n.Name}:{Port(n.Port)}")];
        string action = $"Move schema {Schema} to {ToNode}";
        if (node.Name is null || (!node.Takes && !node.Has)) throw TableChangeErrors.NoTargetNode(ToNode, node.Name is not null, others);
        if (node.Has) return new ClusterChange { Action = action, Target = Schema, Sql = [] };
        bool blocks = TransferMode == "block_writes";
        List<string> bare = await session.ListAsync($"""
            SELECT {SearchPath.Show("c.oid")} FROM pg_catalog.pg_class c WHERE c.relnamespace = $1::oid AND {MissingIdentity.Of("c")} ORDER BY 1
            """, row => row.GetString(0), stop, schema.Oid);
        if (bare.Count > 0 && TransferMode == "auto") throw TableChangeErrors.NoReplicaIdentity(Schema, bare);
        if (!blocks && await OutputPlugins.AdviceAsync(session, stop) is { } advice)
            throw TableChangeErrors.NoLogicalTransfer(Schema, advice);
        ReferenceCopies copies = await ReferenceCopies.ReadAsync(session, TransferMode, null, stop);
        TableShards shards = await TableShards.ReadAsync(Connection, session, schema.Oids, Warn, stop);
        return new ClusterChange
        {
            Action = action,
            Target = Schema,
            Sql = [.. copies.Sql, $"SELECT pg_catalog.citus_schema_move({TableName.Literal(TableName.QuoteIfNeeded(Schema))}, "
                + $"{TableName.Literal(node.Name)}, {Port(node.Port)}, shard_transfer_mode := '{TransferMode}')"],
            Tables = schema.Names,
            Shards = shards.Shards,
            SizeBytes = shards.SizeBytes,
            Locks = [.. copies.Locks, blocks ? $"Writers of the tables of {Schema} wait until all is copied; readers don't wait."
                : $"Writers of the tables of {Schema} wait at the end, while the last changes are copied; readers don't wait.",
                .. bare.Count > 0 && !blocks ? [$"UPDATE and DELETE fail meanwhile on {string.Join(", ", bare)}, which "
                    + $"{(bare.Count == 1 ? "has" : "have")} no replica identity."] : (string[])[]],
        };
    }

    private static string Port(int port) => port.ToString(CultureInfo.InvariantCulture);
}
