using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Plans a change of how a table is distributed, or of its access method.</summary>
public sealed record TableAlteration(CitusConnection Connection, TableName Table)
{
    public string? DistributionColumn { get; init; }
    public int? ShardCount { get; init; }

    /// <summary>A distributed table, or <c>none</c>.</summary>
    public string? ColocateWith { get; init; }

    /// <summary>Whether the colocated tables are changed too; null where nothing is said, which is an error where it matters.</summary>
    public bool? CascadeToColocated { get; init; }

    /// <summary><c>heap</c> or <c>columnar</c>.</summary>
    public string? AccessMethod { get; init; }

    public Action<string> Warn { get; init; } = _ => { };

    private bool IsAlone => string.Equals(ColocateWith, "none", StringComparison.OrdinalIgnoreCase);

    /// <exception cref="Errors.CitusException">Citus would refuse it.</exception>
    public async Task<ClusterChange> PlanAsync(CancellationToken stop)
    {
        if ((DistributionColumn, ShardCount, ColocateWith, AccessMethod) == (null, null, null, null))
            throw TableChangeErrors.NothingAsked();
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(Connection, stop);
        TableInfo table = await TableCatalog.FindAsync(Connection, session, Table, stop);
        if (!Connection.IsCitus) throw ChangeErrors.NotSupported(Connection, "Changing how a table is kept");
        RewriteFacts facts = await RewriteFacts.ReadAsync(session, table.Oid, stop);
        List<ForeignKey> keys = await ForeignKey.ReadAsync(session, [table.Oid], stop);
        List<(uint Oid, string Table)> others = await ColocatedAsync(session, table, stop);

        var sql = new List<string>();
        if (await AlterAsync(session, table, facts, others, stop) is { } alter) sql.Add(alter);
        bool cascades = CascadeToColocated is true && sql.Count > 0;
        var losses = new List<string>();
        if (sql.Count > 0)
        {
            if (cascades) await CheckOthersAsync(session, table, keys, others, stop);
            else losses.AddRange(Parted(table, keys, others));
        }
        if (AccessMethod is { } method && method != facts.AccessMethod)
        {
            CheckMethod(table, facts, keys);
            if (method == "columnar" && !facts.HasColumnar) throw TableChangeErrors.NoColumnar(session.Database);
            sql.Add($"SELECT pg_catalog.alter_table_set_access_method({Literal(table)}, {TableName.Literal(method)})");
            if (method == "columnar") losses.AddRange(ColumnarLosses(table, facts));
        }
        if (sql.Count > 0) losses.AddRange(facts.Losses(table.Display));
        (uint Oid, string Table)[] changed = sql.Count == 0 ? [] : [(table.Oid, table.Display), .. cascades ? others : []];
        TableShards shards = await TableShards.ReadAsync(Connection, session, [.. changed.Select(t => t.Oid)], Warn, stop);
        string[] names = [.. changed.Select(t => t.Table)];
        return new ClusterChange
        {
            Action = Action(table),
            Target = table.Display,
            Sql = sql,
            Tables = names,
            Shards = shards.Shards,
            SizeBytes = shards.SizeBytes,
            Locks = sql.Count == 0 ? [] : RewriteFacts.Locks(string.Join(", ", names)),
            Losses = losses,
        };
    }

    /// <summary>The statement that distributes it otherwise; null where it is so already.</summary>
    private async Task<string?> AlterAsync(NpgsqlConnection session, TableInfo table, RewriteFacts facts,
        List<(uint Oid, string Table)> others, CancellationToken stop)
    {
        if ((DistributionColumn, ShardCount, ColocateWith) == (null, null, null)) return null;
        if (table.Kind != TableKind.Distributed) throw TableChangeErrors.NotDistributed(table);
        if (facts.Parent is not null) throw TableChangeErrors.Partition(table.Display, facts.Parent);
        if (ShardCount is not null && ColocateWith is not null && !IsAlone) throw TableErrors.ShardCountWithColocation();
        string current = table.DistributionColumn!;
        TableColumn column = DistributionColumn is null ? table.FindColumn(current)!
            : table.FindColumn(DistributionColumn) ?? throw CatalogErrors.NoColumn(table, DistributionColumn);
        var arguments = new List<string> { Literal(table) };
        if (column.Name != current)
        {
            if (CascadeToColocated is true) throw TableChangeErrors.NoCascade("Another distribution column");
            await CheckColumnAsync(session, table, column, stop);
            arguments.Add($"distribution_column := {TableName.Literal(column.Name)}");
        }
        if (ShardCount is { } count && count != await session.ScalarAsync<long>(
            "SELECT count(*) FROM pg_catalog.pg_dist_shard WHERE logicalrelid = $1::oid", stop, table.Oid))
        {
            if (others.Count > 0 && CascadeToColocated is null && !IsAlone && column.Name == current)
                throw TableChangeErrors.Colocated(table.Display, [.. others.Select(o => o.Table)]);
            arguments.Add($"shard_count := {count}");
        }
        if (IsAlone)
        {
            if (CascadeToColocated is true) throw TableChangeErrors.NoCascade("To be colocated with no other table");
            if (others.Count > 0 || arguments.Count > 1) arguments.Add("colocate_with := 'none'");
        }
        else if (ColocateWith is not null)
        {
            TableInfo other = await TableCatalog.FindAsync(Connection, session, TableName.Parse(ColocateWith), stop);
            await TableDistributor.RefuseBesideAsync(session, table, column, other, isCreated: false, stop);
            if (other.ColocationId != table.ColocationId || arguments.Count > 1) arguments.Add($"colocate_with := {Literal(other)}");
        }
        if (arguments.Count == 1) return null;
        facts.Refuse(table.Display);
        if (others.Count > 0) arguments.Add($"cascade_to_colocated := {(CascadeToColocated is true ? "true" : "false")}");
        return $"SELECT pg_catalog.alter_distributed_table({string.Join(", ", arguments)})";
    }

    private static async Task CheckColumnAsync(NpgsqlConnection session, TableInfo table, TableColumn column, CancellationToken stop)
    {
        if ((await UniqueKey.ReadAsync(session, table.Oid, stop)).Find(k => !k.Holds(column.Name)) is { } key)
            throw TableErrors.KeyLacksColumn(table, column, key, $"Widen the key ({key.Widen(table.Name, column.Name)}).");
        if (!column.IsNotNull) await TableDistributor.RefuseNullsAsync(session, table, column, stop);
    }

    /// <summary>Refuses what Citus can't do with the colocated tables, which would fail after they were written.</summary>
    private static async Task CheckOthersAsync(NpgsqlConnection session, TableInfo table, List<ForeignKey> keys,
        List<(uint Oid, string Table)> others, CancellationToken stop)
    {
        ForeignKey[] own = [.. keys.Concat(await ForeignKey.ReadAsync(session, [.. others.Select(o => o.Oid)], stop))
            .Where(k => k.IsOfOneTable).Distinct()];
        if (own.Length > 0) throw TableChangeErrors.SelfReference(table.Display, own);
        foreach ((uint oid, string other) in others) (await RewriteFacts.ReadAsync(session, oid, stop)).Refuse(other);
    }

    private static void CheckMethod(TableInfo table, RewriteFacts facts, List<ForeignKey> keys)
    {
        if (facts.IsPartitioned) throw TableChangeErrors.Partitioned(table.Display);
        if (facts.IdentityColumn is { } identity) throw TableChangeErrors.Identity(table.Display, identity);
        if (keys.Count > 0) throw TableChangeErrors.AccessMethodWithKeys(table.Display, keys);
    }

    /// <summary>What a table loses that leaves its colocated ones.</summary>
    private static IEnumerable<string> Parted(TableInfo table, List<ForeignKey> keys, List<(uint Oid, string Table)> others)
    {
        foreach (ForeignKey key in keys.Where(k => !k.IsToReference)) yield return $"The foreign key {key} is dropped.";
        if (others.Count > 0)
            yield return $"{table.Display} is no longer colocated with {string.Join(", ", others.Select(o => o.Table))}: "
                + "joins with them move rows between nodes.";
    }

    private static IEnumerable<string> ColumnarLosses(TableInfo table, RewriteFacts facts)
    {
        foreach (string index in facts.OtherIndexes)
            yield return $"The index {index} is dropped, with a constraint that rests on it: columnar tables have B-tree and hash indexes "
                + "only.";
        yield return $"{table.Display} then takes no UPDATE, no DELETE and no INSERT … ON CONFLICT.";
    }

    private static Task<List<(uint Oid, string Table)>> ColocatedAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop) =>
        session.ListAsync($"""
            SELECT c.oid, {SearchPath.Show("c.oid")} FROM pg_catalog.pg_dist_partition p
            JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid AND NOT c.relispartition
            WHERE p.colocationid = $1 AND p.colocationid > 0 AND c.oid <> $2::oid ORDER BY 2
            """, row => (row.GetFieldValue<uint>(0), row.GetString(1)), stop, table.ColocationId ?? 0, table.Oid);

    private string Action(TableInfo table)
    {
        var parts = new List<string>();
        if (DistributionColumn is not null) parts.Add($"distribute it by {DistributionColumn}");
        if (ShardCount is { } count) parts.Add($"split it into {count} shards");
        if (ColocateWith is not null) parts.Add(IsAlone ? "colocate it with no other table" : $"colocate it with {ColocateWith}");
        if (AccessMethod is not null) parts.Add($"keep it as {AccessMethod}");
        return $"Rewrite {table.Display}: {string.Join(", ", parts)}";
    }

    private static string Literal(TableInfo table) => TableName.Literal(table.Name.ToString());
}
