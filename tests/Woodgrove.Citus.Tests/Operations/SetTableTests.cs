using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>Set-DistributedTable: what it changes is read back from the catalogs.</summary>
public sealed class SetTableTests : ClusterTest
{
    public SetTableTests(ClusterFixture cluster) : base(cluster)
    {
        cluster.RequireCitus();
        cluster.Execute("CREATE EXTENSION IF NOT EXISTS citus_columnar");
    }

    [Fact]
    public void Another_column_shard_count_and_neighbour_keep_every_row()
    {
        string other = Cluster.Distribute("id bigint PRIMARY KEY", "id");
        string table = Cluster.Distribute("id bigint, user_id bigint, note text, PRIMARY KEY (user_id, id)", "id");
        Cluster.Execute($"INSERT INTO {table} SELECT i, i % 7, 'n' || i FROM generate_series(1, 500) i");
        string[] rows = Cluster.Rows(table);

        PSObject changed = Shell.Run($"Get-DistributedTable {table} | Set-DistributedTable -DistributionColumn user_id -ShardCount 6").Single;

        Assert.Equal(("user_id", 6L), (changed.Get("DistributionColumn"), changed.Get("ShardCount")));
        Assert.Equal(("user_id", 6L), (Key(table), Shards(table)));
        Shell.Run($"Set-DistributedTable {table} -ColocateWith {other}").Succeeded();
        Assert.Equal(Colocation(other), Colocation(table));
        Assert.Equal(4L, Shards(table));
        Assert.Equal(rows, Cluster.Rows(table));
    }

    [Fact]
    public void Colocated_tables_are_changed_where_that_is_said_and_their_foreign_keys_stay()
    {
        (string users, string events) = Linked();

        ErrorRecord asked = Shell.Run($"Set-DistributedTable {users} -ShardCount 6").Failed("CitusColocatedTables");
        Assert.Contains(events, asked.Exception.Message, StringComparison.Ordinal);
        PSObject plan = Shell.Run($"Set-DistributedTable {users} -ShardCount 6 -CascadeToColocated -WhatIf").Single;
        Assert.Equal([users, events], (IEnumerable<string>)plan.Get("Tables")!);
        Assert.Equal(8, ((IEnumerable<long>)plan.Get("Shards")!).Count());
        Assert.True((long)plan.Get("SizeBytes")! > 0);
        Assert.Empty((IEnumerable<string>)plan.Get("Losses")!);
        Shell.Run($"Set-DistributedTable {users} -ShardCount 6 -CascadeToColocated").Succeeded();

        Assert.Equal((6L, 6L), (Shards(users), Shards(events)));
        Assert.Equal(Colocation(users), Colocation(events));
        Assert.Equal(1L, ForeignKeys(events));
    }

    [Fact]
    public void A_table_that_leaves_its_colocated_ones_is_told_to_lose_the_foreign_keys_that_it_then_loses()
    {
        (string users, string events) = Linked();

        PSObject plan = Shell.Run($"Set-DistributedTable {events} -ShardCount 6 -CascadeToColocated:$false -WhatIf").Single;
        Assert.Equal([$"The foreign key {events}_user_id_fkey ({events} to {users}) is dropped.",
            $"{events} is no longer colocated with {users}: joins with them move rows between nodes."],
            (IEnumerable<string>)plan.Get("Losses")!);
        Shell.Run($"Set-DistributedTable {events} -ShardCount 6 -CascadeToColocated:$false").Succeeded();

        Assert.Equal((4L, 6L), (Shards(users), Shards(events)));
        Assert.Equal(0L, ForeignKeys(events));
    }

    [Fact]
    public void With_another_column_it_leaves_its_colocated_tables_without_a_question()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint NOT NULL", "id"),
            beside = Cluster.Distribute("id bigint", "id", colocateWith: table);

        Shell.Run($"Set-DistributedTable {table} -DistributionColumn user_id -ShardCount 6").Succeeded();

        Assert.Equal(("user_id", 6L, 4L), (Key(table), Shards(table), Shards(beside)));
    }

    [Fact]
    public void A_key_to_itself_is_refused_before_colocated_tables_are_written()
    {
        string table = Cluster.Distribute("id bigint, parent bigint, PRIMARY KEY (id), UNIQUE (id, parent)", "id"),
            beside = Cluster.Distribute("id bigint", "id", colocateWith: table);
        Cluster.Execute($"ALTER TABLE {table} ADD CONSTRAINT {table}_up FOREIGN KEY (id, parent) REFERENCES {table} (id, parent)");

        ErrorRecord refused = Shell.Run($"Set-DistributedTable {beside} -ShardCount 6 -CascadeToColocated").Failed("CitusForeignKeys");

        Assert.Contains($"ALTER TABLE {table} DROP CONSTRAINT {table}_up;", refused.Exception.Message, StringComparison.Ordinal);
        // Citus itself writes both tables, and fails then.
        Assert.Equal("42710", Assert.Throws<PostgresException>(() =>
            Cluster.Execute($"SELECT alter_distributed_table('{beside}', shard_count := 6, cascade_to_colocated := true)")).SqlState);
    }

    [Fact]
    public void What_the_new_table_will_not_have_is_told()
    {
        string table = Cluster.Distribute("id bigint PRIMARY KEY, body text", "id"), function = Cluster.NewName("f");
        Cluster.Execute($"COMMENT ON COLUMN {table}.body IS 'text'; CREATE FUNCTION {function}() RETURNS SETOF {table} LANGUAGE sql AS "
            + $"'SELECT * FROM {table}'; CREATE INDEX {table}_words ON {table} USING gin (to_tsvector('english', body))");

        string[] losses = [.. (IEnumerable<string>)Shell.Run($"Set-DistributedTable {table} -ShardCount 5 -AccessMethod columnar -WhatIf")
            .Single.Get("Losses")!];
        Assert.Contains($"The index {table}_words is dropped, with a constraint that rests on it: columnar tables have B-tree and hash "
            + "indexes only.", losses);
        Assert.Contains($"The function public.{function}() is dropped, because it uses the type of {table}'s rows.", losses);
        Assert.Contains($"Comments on {table} and on its columns are lost.", losses);
        Shell.Run($"Set-DistributedTable {table} -ShardCount 5 -AccessMethod Columnar").Succeeded();

        Assert.Equal("columnar", Cluster.Scalar($"SELECT m.amname::text FROM pg_class c JOIN pg_am m ON m.oid = c.relam WHERE c.oid = '{table}'::regclass"));
        Assert.Equal(5L, Shards(table));
        Assert.Equal(DBNull.Value, Cluster.Scalar($"SELECT to_regclass('{table}_words')::text"));
        Assert.Equal(DBNull.Value, Cluster.Scalar($"SELECT to_regproc('{function}')::text"));
        Assert.Equal(DBNull.Value, Cluster.Scalar($"SELECT col_description('{table}'::regclass, 2)"));
    }

    [Fact]
    public void What_is_so_already_is_not_done_again()
    {
        string table = Cluster.Distribute("id bigint PRIMARY KEY", "id");
        object? before = Cluster.Scalar($"SELECT '{table}'::regclass::oid");

        RunResult run = Shell.Run($"Set-DistributedTable {table} -DistributionColumn id -ShardCount 4 -AccessMethod heap -Verbose")
            .Succeeded();

        Assert.Contains(run.Verbose, v => v.Contains("nothing is to be done", StringComparison.Ordinal));
        Assert.Equal(4L, Assert.Single(run.Output).Get("ShardCount"));
        Assert.Equal(before, Cluster.Scalar($"SELECT '{table}'::regclass::oid"));
    }

    [Theory]
    [InlineData("id bigint PRIMARY KEY, u bigint", "-DistributionColumn u", "CitusKeyWithoutDistributionColumn")]
    [InlineData("id bigint, u bigint", "-DistributionColumn u", "CitusNullDistributionValue")]
    [InlineData("id bigint, u bigint", "-DistributionColumn none", "CitusColumnNotFound")]
    [InlineData("id bigint, u int NOT NULL", "-DistributionColumn u -ColocateWith {other}", "CitusColocationTypeMismatch")]
    [InlineData("id bigint, u bigint", "-ColocateWith {other} -ShardCount 3", "CitusShardCountWithColocation")]
    [InlineData("id bigint, u bigint", "-DistributionColumn u -CascadeToColocated", "CitusInvalidArgument")]
    [InlineData("id bigint, u bigint", "-ColocateWith none -CascadeToColocated", "CitusInvalidArgument")]
    [InlineData("id bigint, u bigint", "", "CitusInvalidArgument")]
    [InlineData("id bigint, u bigint GENERATED ALWAYS AS IDENTITY", "-ShardCount 3", "CitusIdentityColumn")]
    [InlineData("id bigint, u bigint GENERATED ALWAYS AS IDENTITY", "-AccessMethod columnar", "CitusIdentityColumn")]
    [InlineData("id bigint PRIMARY KEY, u bigint REFERENCES {reference}", "-AccessMethod columnar", "CitusForeignKeys")]
    public void What_Citus_would_refuse_is_refused_before(string definition, string parameters, string id)
    {
        string other = Cluster.Distribute("id bigint PRIMARY KEY", "id"), reference = Cluster.CreateTable("id bigint PRIMARY KEY");
        Cluster.Execute($"SELECT create_reference_table('{reference}')");
        string table = Cluster.Distribute(definition.Replace("{reference}", reference, StringComparison.Ordinal), "id");
        if (!definition.Contains("REFERENCES", StringComparison.Ordinal)) Cluster.Execute($"INSERT INTO {table} (id) VALUES (1)"
            .Replace("(id) VALUES (1)", definition.Contains("NOT NULL", StringComparison.Ordinal) ? "VALUES (1, 1)" : "(id) VALUES (1)",
                StringComparison.Ordinal));

        Shell.Run($"Set-DistributedTable {table} {parameters.Replace("{other}", other, StringComparison.Ordinal)} -WhatIf").Failed(id);
    }

    [Fact]
    public void Tables_of_other_kinds_are_told_what_makes_them_distributed()
    {
        string plain = Cluster.CreateTable("id bigint"), reference = Cluster.CreateTable("id bigint PRIMARY KEY"),
            single = Cluster.CreateTable("id bigint"), parted = Cluster.CreateTable("id bigint, at date) PARTITION BY RANGE (at");
        Cluster.Execute($"SELECT create_reference_table('{reference}'); SELECT create_distributed_table('{single}', NULL); "
            + $"CREATE TABLE {parted}_1 PARTITION OF {parted} DEFAULT; SELECT create_distributed_table('{parted}', 'id', colocate_with := 'none', shard_count := 4)");

        foreach ((string table, string advice) in new[] { (plain, "New-DistributedTable"), (reference, "ConvertTo-LocalTable"),
            (single, "ConvertTo-LocalTable") })
        {
            Assert.Contains($"{advice} {table}", Shell.Run($"Set-DistributedTable {table} -ShardCount 3").Failed("CitusNotDistributed")
                .Exception.Message, StringComparison.Ordinal);
        }
        Assert.Contains($"Name {parted}.", Shell.Run($"Set-DistributedTable {parted}_1 -ShardCount 3").Failed("CitusPartition")
            .Exception.Message, StringComparison.Ordinal);
        Shell.Run($"Set-DistributedTable {parted} -AccessMethod columnar").Failed("CitusPartition");
        Shell.Run($"Set-DistributedTable {parted} -ShardCount 3; Set-DistributedTable {plain} -AccessMethod columnar").Succeeded();
        Assert.Equal((3L, 3L), (Shards(parted), Shards(parted + "_1")));
    }

    [Fact]
    public void Writers_wait_and_readers_do_not_as_the_plan_says()
    {
        string table = Cluster.Distribute("id bigint PRIMARY KEY", "id");
        using NpgsqlConnection reader = Cluster.Database.OpenConnection();
        using NpgsqlTransaction reading = reader.BeginTransaction();
        new NpgsqlCommand($"SELECT count(*) FROM {table}", reader).ExecuteScalar();
        using PowerShell shell = Shell.Create($"Set-DistributedTable {table} -ShardCount 5");
        IAsyncResult work = shell.BeginInvoke();
        try
        {
            // It has copied the rows under the lock that stops writers, and waits for the one that stops readers too.
            for (int i = 0; i < 200 && Locks(table) != "AccessExclusiveLock false,ExclusiveLock true"; i++) Thread.Sleep(50);
            Assert.Equal("AccessExclusiveLock false,ExclusiveLock true", Locks(table));
        }
        finally
        {
            reading.Rollback();
            shell.EndInvoke(work);
        }
        Assert.Empty(shell.Streams.Error);
        Assert.Equal(5L, Shards(table));
    }

    [Fact]
    public async Task One_that_is_stopped_is_rolled_back_and_says_so()
    {
        string table = Cluster.Distribute("id bigint PRIMARY KEY", "id");
        await using NpgsqlConnection reader = Cluster.Database.OpenConnection();
        await using NpgsqlTransaction reading = reader.BeginTransaction();
        new NpgsqlCommand($"SELECT count(*) FROM {table}", reader).ExecuteScalar();
        using PowerShell shell = Shell.Create($"Set-DistributedTable {table} -ShardCount 5");
        IAsyncResult work = shell.BeginInvoke();
        for (int i = 0; i < 200 && !Locks(table).Contains("AccessExclusiveLock false", StringComparison.Ordinal); i++)
            await Task.Delay(50, TestContext.Current.CancellationToken);

        await Task.Run(shell.Stop, TestContext.Current.CancellationToken);

        Assert.True(work.IsCompleted);
        await reading.RollbackAsync(TestContext.Current.CancellationToken);
        Assert.Equal(4L, Shards(table));
        Assert.Contains("cancelled. Its only statement was rolled back.", Shell.Run("1").Screen, StringComparison.Ordinal);
    }

    [Fact]
    public void A_role_that_does_not_own_the_table_is_told_which_right_it_lacks()
    {
        Cluster.RequireSandbox();
        string table = Cluster.Distribute("id bigint PRIMARY KEY", "id"), role = Cluster.NewName("role");
        string password = File.ReadAllText(new NpgsqlConnectionStringBuilder(Cluster.ConnectionString).Passfile!).Trim().Split(':')[^1];
        Cluster.Execute($"CREATE ROLE {role} LOGIN PASSWORD '{password}'; GRANT SELECT ON {table} TO {role}");
        Shell["as"] = Cluster.ConnectionString.Replace("Username=postgres", $"Username={role}", StringComparison.Ordinal);
        Shell.Run("$null = Connect-CitusCluster -ConnectionString $as -Name lesser").Succeeded();
        try
        {
            foreach (string line in (string[])[$"Set-DistributedTable {table} -ShardCount 5", $"ConvertTo-LocalTable {table}"])
            {
                ErrorRecord denied = Shell.Run($"{line} -Connection lesser").Failed("CitusPermissionDenied");
                Assert.Contains("Only the table's owner", denied.Exception.Message, StringComparison.Ordinal);
            }
        }
        finally
        {
            Shell.Run("Disconnect-CitusCluster lesser");
        }
        Assert.Equal(4L, Shards(table));
    }

    private (string Users, string Events) Linked()
    {
        string users = Cluster.Distribute("id bigint PRIMARY KEY", "id");
        string events = Cluster.Distribute($"id bigint, user_id bigint REFERENCES {users}, PRIMARY KEY (user_id, id)", "user_id",
            colocateWith: users);
        Cluster.Execute($"INSERT INTO {users} SELECT generate_series(1, 20); INSERT INTO {events} SELECT i, i FROM generate_series(1, 20) i");
        return (users, events);
    }

    private object? Key(string table) => Cluster.Scalar($"SELECT column_to_column_name(logicalrelid, partkey) FROM pg_dist_partition "
        + $"WHERE logicalrelid = '{table}'::regclass");

    private object? Shards(string table) => Cluster.Scalar($"SELECT count(*) FROM pg_dist_shard WHERE logicalrelid = '{table}'::regclass");

    private object? Colocation(string table) =>
        Cluster.Scalar($"SELECT colocationid FROM pg_dist_partition WHERE logicalrelid = '{table}'::regclass");

    private object? ForeignKeys(string table) =>
        Cluster.Scalar($"SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = '{table}'::regclass");

    private string Locks(string table) =>
        (string)Cluster.Scalar("SELECT coalesce(string_agg(mode || ' ' || granted, ',' ORDER BY mode), '') FROM pg_locks "
        + $"WHERE relation = '{table}'::regclass AND mode IN ('ExclusiveLock', 'AccessExclusiveLock')")!;
}
