using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Tables;

/// <summary>Distributes a table, after checking what Citus would refuse and saying how to fix it.</summary>
public sealed record TableDistributor(CitusConnection Connection, TableName Table)
{
    /// <summary>Null makes a reference table, or one of a single shard.</summary>
    public string? DistributionColumn { get; init; }

    /// <summary>Without a column: the rows are on one node, in a single shard.</summary>
    public bool IsSingleShard { get; init; }

    /// <summary>A distributed table, or <c>none</c>; null lets Citus choose.</summary>
    public string? ColocateWith { get; init; }

    public int? ShardCount { get; init; }

    /// <summary>Columns and constraints as CREATE TABLE has them in its parentheses; the table is created first.</summary>
    public string? Definition { get; init; }

    /// <summary>Lets writers go on meanwhile, at the price of more work and of no transaction around it.</summary>
    public bool Concurrently { get; init; }

    public Action<string>? Explain { get; init; }
    public Action<string>? Warn { get; init; }

    /// <summary>Checks everything and, unless it is a trial, distributes the table; a refusal leaves nothing behind.</summary>
    /// <returns>The distributed table, or null for a trial.</returns>
    public async Task<DistributedTable?> RunAsync(bool isTrial, CancellationToken stop)
    {
        await using NpgsqlConnection session = await Connection.OpenSessionAsync(stop);
        await session.ExecuteAsync(DdlPropagation.OnAllNodesInSession, stop);
        session.Notice += (_, e) => Explain?.Invoke($"{e.Notice.Severity}: {e.Notice.MessageText}");
        if (Connection.CitusVersion is null) throw CatalogErrors.NoCitus(Connection);
        if (IsSingleShard && Version.Parse(Connection.CitusVersion.Split('-')[0]).Major < 12)
            throw TableErrors.SingleShardNotSupported(Connection);
        if (IsSingleShard && (ShardCount is not null || Concurrently)) throw TableErrors.SingleShardOnly();
        // CREATE TABLE and its distribution are one transaction; only the concurrent way can't be in one.
        NpgsqlTransaction? transaction = await session.BeginTransactionAsync(stop);
        try
        {
            if (Definition is not null)
            {
                string create = $"CREATE TABLE {Table} ({Definition})";
                Explain?.Invoke(create);
                try
                {
                    await SearchPath.ReleaseAsync(session, stop);
                    await session.ExecuteAsync(create, stop);
                    await SearchPath.PinAsync(session, stop);
                }
                catch (PostgresException exists) when (exists.SqlState == PostgresErrorCodes.DuplicateTable)
                {
                    throw TableErrors.Exists(Table, exists);
                }
            }
            TableInfo table = await TableCatalog.FindAsync(Connection, session, Table, stop);
            if (table.Kind != TableKind.Local) throw AlreadyDistributed(table);
            if (DistributionColumn is not null) await CheckColumnAsync(session, table, stop);
            else if (ColocateWith is not null && !IsNone(ColocateWith)
                && await ColocatedAsync(session, stop) is { Kind: not TableKind.SingleShard } other)
                throw TableErrors.OtherNotSingleShard(other);
            if (isTrial)
            {
                await transaction.RollbackAsync(stop);
                return null;
            }
            if (Concurrently)
            {
                await transaction.CommitAsync(stop);
                await transaction.DisposeAsync();
                transaction = null;
            }
            if (Concurrently) await DistributeConcurrentlyAsync(session, table, stop);
            else await DistributeAsync(session, table, stop);
            table = await TableCatalog.FindAsync(Connection, session, table.Name, stop);
            if (transaction is not null) await transaction.CommitAsync(stop);
            // Only now may others see it, and the nodes measure it.
            ShardSizes sizes = await ShardSizes.ReadAsync(Connection, session, [table], w => Warn?.Invoke(w), stop);
            DistributedTable done = await DistributedTable.ReadAsync(session, [table], sizes, module: true, stop).SingleAsync();
            Explain?.Invoke(IsSingleShard ? $"{done.Table} is kept in a single shard, on one node: its rows are not split."
                : DistributionColumn is null ? $"{done.Table} is a reference table now: every node keeps a full copy, "
                    + "so that it joins with any table where that one's rows are."
                : $"{done.Table} is split into {done.ShardCount} shards by the hash of {done.DistributionColumn}; "
                    + $"rows with equal {done.DistributionColumn} are on the same node, "
                    + "also with those of the other tables of colocation group "
                    + $"{done.ColocationId}.");
            return done;
        }
        finally
        {
            if (transaction is not null) await transaction.DisposeAsync();
        }
    }

    /// <summary>A failure leaves shards and replication slots behind, for no transaction is around it; they are taken away again.</summary>
    private async Task DistributeConcurrentlyAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop)
    {
        var cleanup = new ConcurrentCleanup(Connection, table) { IsNew = Definition is not null,
            WasKnown = await ConcurrentCleanup.IsKnownAsync(session, table, stop) };
        try
        {
            await DistributeAsync(session, table, stop);
        }
        catch (Exception e) when (e is NpgsqlException or CitusException or OperationCanceledException)
        {
            await CitusConnection.EndAsync(session);
            (string state, string? advice) = await cleanup.RunAsync();
            if (e is OperationCanceledException)
            {
                Warn?.Invoke(state);
                throw;
            }
            CitusException failure = PostgresErrors.Describe(e, table.Display);
            throw failure.With($"{failure.What.TrimEnd('.')}. {state}", advice ?? failure.Advice);
        }
    }

    private async Task DistributeAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop)
    {
        if (DistributionColumn is null && !IsSingleShard)
        {
            await session.ExecuteAsync("SELECT pg_catalog.create_reference_table($1::text::regclass)", stop, table.Name.Sql);
            return;
        }
        string sql = $"SELECT pg_catalog.create_distributed_table{(Concurrently ? "_concurrently" : "")}($1::text::regclass, $2::text";
        var values = new List<object?> { table.Name.Sql, DistributionColumn is null ? null : table.FindColumn(DistributionColumn)!.Name };
        if (ColocateWith is not null)
        {
            values.Add(IsNone(ColocateWith) ? "none" : (await ColocatedAsync(session, stop))!.Name.Sql);
            sql += $", colocate_with := ${values.Count}";
        }
        if (ShardCount is { } count)
        {
            values.Add(count);
            sql += $", shard_count := ${values.Count}";
        }
        await session.ExecuteAsync(sql + ")", stop, [.. values]);
    }

    private async Task CheckColumnAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop)
    {
        if (table.FindColumn(DistributionColumn!) is not { } column) throw CatalogErrors.NoColumn(table, DistributionColumn!);
        await CheckKeysAsync(session, table, column, stop);
        await CheckNullsAsync(session, table, column, stop);
        if (ColocateWith is null || IsNone(ColocateWith)) return;
        if (ShardCount is not null) throw TableErrors.ShardCountWithColocation();
        await RefuseBesideAsync(session, table, column, await ColocatedAsync(session, stop), Definition is not null, stop);
    }

    /// <summary>Refuses to colocate what Citus would not: with other than distributed tables, or columns of other types or collations.</summary>
    internal static async Task RefuseBesideAsync(NpgsqlConnection session, TableInfo table, TableColumn column, TableInfo other,
        bool isCreated, CancellationToken stop)
    {
        if (other.Kind != TableKind.Distributed) throw TableErrors.OtherNotDistributed(other);
        TableColumn key = other.FindColumn(other.DistributionColumn!)!;
        if (key.TypeOid != column.TypeOid) throw TableErrors.TypesDiffer(table, column, other, key, isCreated);
        (string Mine, string Others)? differ = await session.FirstAsync<(string, string)?>("""
            SELECT mine.attcollation::regcollation::text, others.attcollation::regcollation::text
            FROM pg_catalog.pg_attribute mine, pg_catalog.pg_attribute others
            WHERE mine.attrelid = $1::oid AND mine.attname = $2 AND others.attrelid = $3::oid AND others.attname = $4
                AND mine.attcollation <> others.attcollation
            """, row => (row.GetString(0), row.GetString(1)), stop, table.Oid, column.Name, other.Oid, key.Name);
        if (differ is var (mine, others)) throw TableErrors.CollationsDiffer(table, column, mine, other, key, others, isCreated);
    }

    /// <summary>
    /// Citus can only enforce a unique key on the node that holds its rows, so the key must hold the distribution
    /// column.
    /// </summary>
    private async Task CheckKeysAsync(NpgsqlConnection session, TableInfo table, TableColumn column, CancellationToken stop)
    {
        if ((await UniqueKey.ReadAsync(session, table.Oid, stop)).Find(k => !k.Holds(column.Name)) is not { } key) return;
        string advice = Definition is null ? $"Widen the key ({key.Widen(table.Name, column.Name)})"
            : TableErrors.WidenInDefinition(key.IsPrimary, key.Widened(column.Name));
        string other = table.Columns.FirstOrDefault(c => TableName.QuoteIfNeeded(c.Name) == key.Parts[0]) is { } first
            ? $", or distribute by {first.Name}" : "";
        throw TableErrors.KeyLacksColumn(table, column, key, $"{advice}{other}.");
    }

    private async Task CheckNullsAsync(NpgsqlConnection session, TableInfo table, TableColumn column, CancellationToken stop)
    {
        if (column.IsNotNull) return;
        await RefuseNullsAsync(session, table, column, stop);
        Warn?.Invoke($"{table.Display}.{column.Name} may be NULL, but a row without a distribution value is refused; "
            + $"ALTER TABLE {table.Name} ALTER COLUMN {TableName.QuoteIfNeeded(column.Name)} SET NOT NULL says so in the table itself.");
    }

    internal static async Task RefuseNullsAsync(NpgsqlConnection session, TableInfo table, TableColumn column, CancellationToken stop)
    {
        if (await session.ScalarAsync<int>(
            $"SELECT 1 FROM {table.Name.Sql} WHERE {TableName.Quote(column.Name)} IS NULL LIMIT 1", stop) == 1)
            throw TableErrors.NullValues(table, column);
    }

    private async Task<TableInfo> ColocatedAsync(NpgsqlConnection session, CancellationToken stop) =>
        await TableCatalog.FindAsync(Connection, session, TableName.Parse(ColocateWith!), stop);

    private static CitusException AlreadyDistributed(TableInfo table)
    {
        string how = table.Kind == TableKind.Distributed ? $"distributed by {table.DistributionColumn}"
            : table.Kind == TableKind.SingleShard ? "distributed without a column" : $"a {table.Kind.ToString().ToLowerInvariant()} table";
        return TableErrors.AlreadyDistributed(table, how);
    }

    private static bool IsNone(string colocateWith) => colocateWith.Equals("none", StringComparison.OrdinalIgnoreCase);
}
