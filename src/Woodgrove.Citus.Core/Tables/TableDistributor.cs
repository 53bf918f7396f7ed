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
    /// <summary>Null makes a reference table.</summary>
    public string? DistributionColumn { get; init; }

    /// <summary>A distributed table, or <c>none</c>; null lets Citus choose.</summary>
    public string? ColocateWith { get; init; }

    public int? ShardCount { get; init; }

    /// <summary>Columns and constraints as CREATE TABLE has them in its parentheses; the table is created first.</summary>
    public string? Definition { get; init; }

    /// <summary>Lets writers go on meanwhile, at the price of more work and of no transaction around it.</summary>
    public bool Concurrently { get; init; }

    public Action<string>? Explain { get; init; }
    public Action<string>? Warn { get; init; }

    /// <summary>Checks everything and, unless it is a rehearsal, distributes the table; a refusal leaves nothing behind.</summary>
    /// <returns>The distributed table, or null for a rehearsal.</returns>
    public async Task<DistributedTable?> RunAsync(bool rehearsal, CancellationToken stop)
    {
        await using NpgsqlConnection session = await Connection.OpenSessionAsync(stop);
        session.Notice += (_, e) => Explain?.Invoke($"{e.Notice.Severity}: {e.Notice.MessageText}");
        if (Connection.CitusVersion is null)
        {
            throw new CitusException("CitusExtensionMissing", CitusErrorKind.NotInstalled,
                $"Database '{Connection.Database}' has no Citus.",
                "Connect to the database that has it, or run CREATE EXTENSION citus as a superuser.");
        }
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
                    await ExecuteAsync(session, create, stop);
                    await SearchPath.PinAsync(session, stop);
                }
                catch (PostgresException exists) when (exists.SqlState == PostgresErrorCodes.DuplicateTable)
                {
                    throw new CitusException("CitusAlreadyExists", CitusErrorKind.ResourceExists, PostgresErrors.Text(exists),
                        "Leave out -Definition to distribute the table that is there, or choose another name.", exists)
                            { Target = Table.ToString(), SqlState = exists.SqlState };
                }
            }
            TableInfo table = await TableCatalog.FindAsync(Connection, session, Table, stop);
            if (table.Kind != TableKind.Local) throw AlreadyDistributed(table);
            if (DistributionColumn is not null) await CheckColumnAsync(session, table, stop);
            if (rehearsal)
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
            Explain?.Invoke(DistributionColumn is null
                ? $"{done.Table} is a reference table now: every node keeps a full copy, "
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
            (string state, string? advice) = await cleanup.RunAsync();
            if (e is OperationCanceledException)
            {
                Warn?.Invoke(state);
                throw;
            }
            CitusException failure = PostgresErrors.Describe(e, table.Display);
            throw new CitusException(failure.ErrorId, failure.Kind, $"{failure.What.TrimEnd('.')}. {state}", advice ?? failure.Advice, e)
                { Target = table.Display, SqlState = failure.SqlState };
        }
    }

    private async Task DistributeAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop)
    {
        if (DistributionColumn is null)
        {
            await ExecuteAsync(session, "SELECT pg_catalog.create_reference_table($1::text::regclass)", stop, table.Name.Sql);
            return;
        }
        string sql = $"SELECT pg_catalog.create_distributed_table{(Concurrently ? "_concurrently" : "")}($1::text::regclass, $2";
        var values = new List<object> { table.Name.Sql, table.FindColumn(DistributionColumn)!.Name };
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
        await ExecuteAsync(session, sql + ")", stop, [.. values]);
    }

    private async Task CheckColumnAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop)
    {
        if (table.FindColumn(DistributionColumn!) is not { } column)
        {
            throw new CitusException("CitusColumnNotFound", CitusErrorKind.ObjectNotFound,
                $"{table.Display} has no column '{DistributionColumn}'.",
                $"Its columns are {string.Join(", ", table.Columns.Select(c => c.Name))}.") { Target = table.Display };
        }
        await CheckKeysAsync(session, table, column, stop);
        await CheckNullsAsync(session, table, column, stop);
        if (ColocateWith is null || IsNone(ColocateWith)) return;
        if (ShardCount is not null)
        {
            throw new CitusException("CitusShardCountWithColocation", CitusErrorKind.InvalidArgument,
                "-ShardCount and -ColocateWith exclude each other: colocated tables have the same shards.", "Leave -ShardCount out.");
        }
        TableInfo other = (await ColocatedAsync(session, stop))!;
        if (other.Kind != TableKind.Distributed)
        {
            throw new CitusException("CitusNotDistributed", CitusErrorKind.InvalidArgument,
                $"{other.Display}, named by -ColocateWith, is not a distributed table.",
                "Distribute it first with New-DistributedTable, or leave -ColocateWith out.") { Target = other.Display };
        }
        TableColumn key = other.FindColumn(other.DistributionColumn!)!;
        if (key.TypeOid != column.TypeOid)
        {
            throw new CitusException("CitusColocationTypeMismatch", CitusErrorKind.InvalidArgument,
                $"{table.Display}.{column.Name} is {column.TypeName}, but {other.Display}, to colocate with, "
                    + $"is distributed by {key.Name} of type {key.TypeName}; equal values would hash to different shards.",
                Definition is null ? $"Change the type first: ALTER TABLE {table.Name} ALTER COLUMN "
                    + $"{TableName.QuoteIfNeeded(column.Name)} TYPE {key.TypeName}."
                    : $"Make {TableName.QuoteIfNeeded(column.Name)} a {key.TypeName} in -Definition.") { Target = table.Display };
        }
        await CheckCollationAsync(session, table, column, other, key, stop);
    }

    /// <summary>Citus refuses to colocate columns of different collations.</summary>
    private async Task CheckCollationAsync(NpgsqlConnection session, TableInfo table, TableColumn column, TableInfo other, TableColumn key,
        CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT mine.attcollation::regcollation::text, others.attcollation::regcollation::text
            FROM pg_catalog.pg_attribute mine, pg_catalog.pg_attribute others
            WHERE mine.attrelid = $1::oid AND mine.attname = $2 AND others.attrelid = $3::oid AND others.attname = $4
                AND mine.attcollation <> others.attcollation
            """, session)
        {
            Parameters = { new() { Value = (long)table.Oid }, new() { Value = column.Name }, new() { Value = (long)other.Oid },
                new() { Value = key.Name } },
        };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        if (!await row.ReadAsync(stop)) return;
        (string mine, string others) = (row.GetString(0), row.GetString(1));
        string name = TableName.QuoteIfNeeded(column.Name);
        throw new CitusException("CitusColocationCollationMismatch", CitusErrorKind.InvalidArgument,
            $"{table.Display}.{column.Name} has the collation {mine}, but {other.Display}, to colocate with, "
                + $"is distributed by {key.Name} with the collation {others}; Citus colocates only columns of one collation.",
            Definition is null ? $"Change the collation first: ALTER TABLE {table.Name} ALTER COLUMN {name} TYPE {column.TypeName} "
                + $"COLLATE {others}."
                : $"Make {name} a {column.TypeName} COLLATE {others} in -Definition.") { Target = table.Display };
    }

    /// <summary>
    /// Citus can only enforce a unique key on the node that holds its rows, so the key must hold the distribution
    /// column.
    /// </summary>
    private async Task CheckKeysAsync(NpgsqlConnection session, TableInfo table, TableColumn column, CancellationToken stop)
    {
        if ((await UniqueKey.ReadAsync(session, table.Oid, stop)).Find(k => !k.Holds(column.Name)) is not { } key) return;
        string advice = Definition is null ? $"Widen the key ({key.Widen(table.Name, column.Name)})"
            : $"Widen the key in -Definition: {(key.IsPrimary ? "PRIMARY KEY" : "UNIQUE")} ({key.Widened(column.Name)})";
        string other = table.Columns.FirstOrDefault(c => TableName.QuoteIfNeeded(c.Name) == key.Parts[0]) is { } first
            ? $", or distribute by {first.Name}" : "";
        throw new CitusException("CitusKeyWithoutDistributionColumn", CitusErrorKind.InvalidArgument,
            $"The {(key.IsPrimary ? "primary key" : "unique key")} {key} of {table.Display} does not hold the distribution "
                + $"column {column.Name}. "
            + "Each node checks uniqueness among its own rows only, so a unique key must hold the column that decides on which node a "
            + "row lies.",
            $"{advice}{other}.") { Target = table.Display };
    }

    private async Task CheckNullsAsync(NpgsqlConnection session, TableInfo table, TableColumn column, CancellationToken stop)
    {
        if (column.IsNotNull) return;
        await using var command = new NpgsqlCommand(
            $"SELECT EXISTS (SELECT FROM {table.Name.Sql} WHERE {TableName.Quote(column.Name)} IS NULL)", session);
        if (await command.ExecuteScalarAsync(stop) is true)
        {
            throw new CitusException("CitusNullDistributionValue", CitusErrorKind.InvalidData,
                $"{table.Display} has rows whose {column.Name} is NULL; without a value no shard can be chosen for them.",
                $"Fill or delete them: SELECT * FROM {table.Name} WHERE {TableName.QuoteIfNeeded(column.Name)} IS NULL;")
                    { Target = table.Display };
        }
        Warn?.Invoke($"{table.Display}.{column.Name} may be NULL, but a row without a distribution value is refused; "
            + $"ALTER TABLE {table.Name} ALTER COLUMN {TableName.QuoteIfNeeded(column.Name)} SET NOT NULL says so in the table itself.");
    }

    private async Task<TableInfo> ColocatedAsync(NpgsqlConnection session, CancellationToken stop) =>
        await TableCatalog.FindAsync(Connection, session, TableName.Parse(ColocateWith!), stop);

    private static CitusException AlreadyDistributed(TableInfo table)
    {
        string how = table.Kind == TableKind.Distributed ? $"distributed by {table.DistributionColumn}"
            : table.Kind == TableKind.SingleShard ? "distributed without a column" : $"a {table.Kind.ToString().ToLowerInvariant()} table";
        return new CitusException("CitusAlreadyDistributed", CitusErrorKind.ResourceExists, $"{table.Display} is already {how}.",
            $"To change that, use SELECT alter_distributed_table('{table.Name}', ...), "
                + $"or undistribute_table('{table.Name}') and distribute it again.")
        { Target = table.Display, SqlState = "42P16" };
    }

    private static bool IsNone(string colocateWith) => colocateWith.Equals("none", StringComparison.OrdinalIgnoreCase);

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql, CancellationToken stop, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, session);
        foreach (object value in values) command.Parameters.Add(new() { Value = value });
        await command.ExecuteNonQueryAsync(stop);
    }
}
