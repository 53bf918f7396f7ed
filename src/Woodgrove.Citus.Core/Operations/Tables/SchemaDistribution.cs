using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Plans that a schema becomes a distributed one, or a local one again, with all its tables.</summary>
public sealed record SchemaDistribution(CitusConnection Connection, string Schema)
{
    public Action<string> Warn { get; init; } = _ => { };

    /// <exception cref="Errors.CitusException">Citus would refuse it.</exception>
    public async Task<ClusterChange> DistributeAsync(CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(Connection, stop);
        SchemaFacts schema = await SchemaFacts.ReadAsync(Connection, session, Schema, stop);
        string action = $"Keep the tables of schema {Schema} together on one node";
        if (schema.IsDistributed) return new ClusterChange { Action = action, Target = Schema, Sql = [] };
        SchemaTable[] distributed = [.. schema.Tables.Where(t => t.Kind != TableKind.Local)];
        if (distributed.Length > 0) throw TableChangeErrors.SchemaHasTables(Schema, distributed);
        ForeignKey[] leaving = [.. (await ForeignKey.ReadAsync(session, schema.Oids, stop)).Where(k =>
            !k.IsToReference && (!schema.Oids.Contains(k.From) || !schema.Oids.Contains(k.To)))];
        if (leaving.Length > 0) throw TableChangeErrors.KeysLeaveSchema(Schema, leaving);
        return new ClusterChange
        {
            Action = action,
            Target = Schema,
            Sql = [$"SELECT pg_catalog.citus_schema_distribute({Literal()})"],
            Tables = schema.Names,
            SizeBytes = schema.Tables.Sum(t => t.LocalBytes),
            Locks = [$"Writers of the tables of {Schema} wait until all their rows are copied to the node.", TableAdvice.StayBehind],
        };
    }

    /// <exception cref="Errors.CitusException">Citus would refuse it.</exception>
    public async Task<ClusterChange> UndistributeAsync(CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(Connection, stop);
        SchemaFacts schema = await SchemaFacts.ReadAsync(Connection, session, Schema, stop);
        string action = $"Make the tables of schema {Schema} local ones of the coordinator";
        if (!schema.IsDistributed) return new ClusterChange { Action = action, Target = Schema, Sql = [] };
        var losses = new List<string>();
        foreach (SchemaTable table in schema.Tables)
        {
            RewriteFacts facts = await RewriteFacts.ReadAsync(session, table.Oid, stop);
            facts.Refuse(table.Name);
            losses.AddRange(facts.Losses(table.Name));
        }
        TableShards shards = await TableShards.ReadAsync(Connection, session, schema.Oids, Warn, stop);
        return new ClusterChange
        {
            Action = action,
            Target = Schema,
            Sql = [$"SELECT pg_catalog.citus_schema_undistribute({Literal()})"],
            Tables = schema.Names,
            Shards = shards.Shards,
            SizeBytes = shards.SizeBytes,
            Locks = schema.Tables.Count == 0 ? [] : RewriteFacts.Locks(string.Join(", ", schema.Names)),
            Losses = losses,
        };
    }

    private string Literal() => TableName.Literal(TableName.QuoteIfNeeded(Schema));
}
