using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Reads and plans partitions by time.</summary>
public sealed class TimePartitions(CitusConnection connection)
{
    public Action<string> Warn { get; init; } = _ => { };

    /// <summary>The partitions of these tables, or of all that are partitioned by one column of a time, with missing ranges.</summary>
    public async Task<IReadOnlyList<TimePartition>> ListAsync(IReadOnlyCollection<string> names, CancellationToken stop)
    {
        await using NpgsqlConnection session = await OpenAsync(stop);
        var tables = new List<uint>();
        foreach (string name in names) tables.Add((await FindAsync(session, TableName.Parse(name), stop)).Oid);
        if (tables.Count == 0) tables = await session.ListAsync(Parents, row => row.GetFieldValue<uint>(0), stop, 0u);
        DateTime now = await session.ScalarAsync<DateTime>("SELECT pg_catalog.now()", stop);
        var all = new List<TimePartition>();
        foreach (uint table in tables) all.AddRange(TimePartition.WithMissing(await ReadAsync(session, table, stop), now));
        return all;
    }

    /// <param name="through">The last moment that must have a partition.</param>
    /// <exception cref="Errors.CitusException">The table is not partitioned by a time, or not by such intervals.</exception>
    public async Task<ClusterChange> CreateAsync(TableName name, string interval, DateTime through, DateTime? startFrom,
        CancellationToken stop)
    {
        await using NpgsqlConnection session = await OpenAsync(stop);
        TableInfo table = await FindAsync(session, name, stop);
        string end = $"{TimePartition.Literal(through)}::timestamptz + '1 microsecond'::interval",
            arguments = $"{Literal(table)}, {TableName.Literal(interval)}, {end}"
                + (startFrom is { } from ? $", {TimePartition.Literal(from)}" : "");
        if (await session.ScalarAsync<bool>(
            $"SELECT {(startFrom is { } first ? $"{TimePartition.Literal(first)}::timestamptz" : "pg_catalog.now()")} >= {end}", stop))
            throw TableChangeErrors.StartsAfterEnd(table.Display, startFrom is null);
        List<(string Name, string From, string To)> missing;
        try
        {
            missing = await session.ListAsync($"SELECT * FROM pg_catalog.get_missing_time_partition_ranges({arguments})",
                row => (row.GetString(0), row.GetString(1), row.GetString(2)), stop);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.RaiseException or ['2', '2', ..])
        {
            throw TableChangeErrors.PartitionsRefused(table.Display, e);
        }
        return new ClusterChange
        {
            Action = missing.Count == 0 ? $"Create partitions of {table.Display}"
                : $"Create {missing.Count} partition(s) of {table.Display}, "
                + $"from {missing[0].From} to {missing[^1].To}",
            Target = table.Display,
            Sql = missing.Count == 0 ? [] : [$"SELECT pg_catalog.create_time_partitions({arguments})"],
            Tables = [.. missing.Select(m => new TableName(table.Name.Schema, m.Name).ToString())],
            Locks = missing.Count == 0 ? []
                : [$"Readers and writers of {table.Display} wait while the partitions are created (ACCESS EXCLUSIVE lock)."],
        };
    }

    /// <summary>Drops those that end at that moment or before.</summary>
    public async Task<ClusterChange> DropAsync(TableName name, DateTime olderThan, CancellationToken stop)
    {
        await using NpgsqlConnection session = await OpenAsync(stop);
        TableInfo table = await FindAsync(session, name, stop);
        List<TimePartition> old = await OlderAsync(session, table, olderThan, stop);
        string names = string.Join(", ", old.Select(p => p.Partition));
        return new ClusterChange
        {
            Action = $"Drop {old.Count} partition(s) of {table.Display}",
            Target = table.Display,
            Sql = old.Count == 0 ? [] : [$"CALL pg_catalog.drop_old_time_partitions({Literal(table)}, {TimePartition.Literal(olderThan)})"],
            Tables = [.. old.Select(p => p.Partition!)],
            Losses = old.Count == 0 ? []
                : [FormattableString.Invariant($"All rows of {names} are deleted ({old.Sum(p => p.SizeBytes ?? 0):N0} bytes).")],
            Locks = old.Count == 0 ? [] : [$"Readers and writers of {table.Display} wait while they are dropped (ACCESS EXCLUSIVE lock)."],
        };
    }

    /// <summary>Rewrites those that end at that moment or before, each in a transaction of its own.</summary>
    public async Task<ClusterChange> StoreAsync(TableName name, DateTime olderThan, string accessMethod, CancellationToken stop)
    {
        await using NpgsqlConnection session = await OpenAsync(stop);
        TableInfo table = await FindAsync(session, name, stop);
        List<TimePartition> old = [.. (await OlderAsync(session, table, olderThan, stop)).Where(p => p.AccessMethod != accessMethod)];
        if (old.Count > 0)
        {
            List<ForeignKey> keys = await ForeignKey.ReadAsync(session, [table.Oid], stop);
            if (keys.Count > 0) throw TableChangeErrors.AccessMethodWithKeys(table.Display, keys);
            if ((await RewriteFacts.ReadAsync(session, table.Oid, stop)) is { IdentityColumn: { } identity })
                throw TableChangeErrors.Identity(table.Display, identity);
            if (accessMethod == "columnar" && !await ColumnarTable.HasColumnarAsync(session, stop))
                throw TableChangeErrors.NoColumnar(session.Database);
        }
        var sql = new List<string>();
        foreach (TimePartition partition in old)
        {
            TableInfo exact = await TableCatalog.FindAsync(connection, session, TableName.Parse(partition.Partition!), stop);
            sql.Add($"SELECT pg_catalog.alter_table_set_access_method({Literal(exact)}, {TableName.Literal(accessMethod)})");
        }
        string names = string.Join(", ", old.Select(p => p.Partition));
        return new ClusterChange
        {
            Action = $"Keep {old.Count} partition(s) of {table.Display} as {accessMethod}",
            Target = table.Display,
            Sql = sql,
            Tables = [.. old.Select(p => p.Partition!)],
            SizeBytes = old.All(p => p.SizeBytes is not null) ? old.Sum(p => p.SizeBytes) : null,
            Losses = old.Count > 0 && accessMethod == "columnar"
                ? [$"{names} then take no UPDATE, no DELETE and no INSERT … ON CONFLICT."] : [],
            Locks = old.Count == 0 ? [] : RewriteFacts.Locks(names),
        };
    }

    private const string Parents = """
        SELECT p.partrelid FROM pg_catalog.pg_partitioned_table p
        JOIN pg_catalog.pg_class c ON c.oid = p.partrelid AND NOT c.relispartition
        JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
        WHERE p.partstrat = 'r' AND p.partnatts = 1 AND a.atttypid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
            AND ($1::oid = 0 OR p.partrelid = $1::oid) ORDER BY 1
        """;

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken stop)
    {
        NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        if (connection.IsCitus) return session;
        await session.DisposeAsync();
        throw ChangeErrors.NotSupported(connection, "Partitioning by time");
    }

    private async Task<TableInfo> FindAsync(NpgsqlConnection session, TableName name, CancellationToken stop)
    {
        TableInfo table = await TableCatalog.FindAsync(connection, session, name, stop);
        List<uint> found = await session.ListAsync(Parents, row => row.GetFieldValue<uint>(0), stop, table.Oid);
        return found.Count == 1 ? table : throw TableChangeErrors.NotByTime(table.Display);
    }

    private async Task<List<TimePartition>> OlderAsync(NpgsqlConnection session, TableInfo table, DateTime olderThan,
        CancellationToken stop)
    {
        HashSet<string> old = [.. await session.ListAsync($"""
            SELECT {SearchPath.Show("partition::oid")} FROM pg_catalog.time_partitions
            WHERE parent_table = $1::oid AND to_value IS NOT NULL AND to_value::timestamptz <= {TimePartition.Literal(olderThan)}::timestamptz
            """, row => row.GetString(0), stop, table.Oid)];
        return [.. (await ReadAsync(session, table.Oid, stop)).Where(p => old.Contains(p.Partition!)).OrderBy(p => p.From)];
    }

    private async Task<List<TimePartition>> ReadAsync(NpgsqlConnection session, uint table, CancellationToken stop)
    {
        List<uint> partitions = await session.ListAsync("SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = $1::oid",
            row => row.GetFieldValue<uint>(0), stop, table);
        ShardSizes sizes = await ShardSizes.ReadByOidAsync(connection, session, partitions, Warn, stop);
        await using var command = new NpgsqlCommand($"""
            SELECT {SearchPath.Show("t.parent_table::oid")}, {SearchPath.Show("t.partition::oid")}, t.access_method::text, t.from_value IS NULL,
                CASE WHEN a.atttypid = 'timestamptz'::regtype THEN t.from_value::timestamptz AT TIME ZONE 'UTC' ELSE t.from_value::timestamp END,
                CASE WHEN a.atttypid = 'timestamptz'::regtype THEN t.to_value::timestamptz AT TIME ZONE 'UTC' ELSE t.to_value::timestamp END,
                a.atttypid = 'timestamptz'::regtype,
                CASE WHEN count(d.shardid) > 0 THEN {ShardSizes.Sum} ELSE pg_catalog.pg_total_relation_size(t.partition) END
            FROM pg_catalog.time_partitions t
            JOIN pg_catalog.pg_attribute a ON a.attrelid = t.parent_table AND a.attname = t.partition_column
            LEFT JOIN pg_catalog.pg_dist_shard d ON d.logicalrelid = t.partition
            LEFT JOIN pg_catalog.pg_dist_placement l ON l.shardid = d.shardid AND l.shardstate = 1
            {ShardSizes.Join}
            WHERE t.parent_table = $4::oid GROUP BY t.parent_table, t.partition, t.access_method, t.from_value, t.to_value, a.atttypid
            """, session);
        sizes.AddTo(command);
        command.Parameters.Add(new() { Value = table, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Oid });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var found = new List<TimePartition>();
        while (await row.ReadAsync(stop))
        {
            DateTimeKind kind = row.GetBoolean(6) ? DateTimeKind.Utc : DateTimeKind.Unspecified;
            bool isDefault = row.GetBoolean(3);
            found.Add(new(row.GetString(0), row.GetString(1), isDefault ? TimePartitionState.Default : TimePartitionState.Present,
                isDefault ? null : DateTime.SpecifyKind(row.GetDateTime(4), kind),
                isDefault || row.IsDBNull(5) ? null : DateTime.SpecifyKind(row.GetDateTime(5), kind), row.TextOrNull(2),
                row.IsDBNull(7) ? null : row.GetInt64(7)));
        }
        return found;
    }

    private static string Literal(TableInfo table) => TableName.Literal(table.Name.ToString());
}
