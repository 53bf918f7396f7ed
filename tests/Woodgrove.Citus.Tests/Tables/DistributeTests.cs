using System.Management.Automation;
using System.Text.RegularExpressions;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Tables;

/// <summary>New-DistributedTable and New-ReferenceTable.</summary>
public sealed partial class DistributeTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Fact]
    public void A_definition_makes_the_table_and_distributes_it()
    {
        string table = NewTable();

        PSObject made = Shell.Run($"New-DistributedTable {table} user_id -ShardCount 6 -Definition 'user_id bigint PRIMARY KEY, "
            + "note text'").Single;

        Assert.Equal(table, made.Get("Table"));
        Assert.Equal("Distributed", made.Get("Type")!.ToString());
        Assert.Equal("user_id", made.Get("DistributionColumn"));
        Assert.Equal("bigint", made.Get("DistributionColumnType"));
        Assert.Equal(6L, made.Get("ShardCount"));
        Assert.Equal(1, made.Get("ReplicationFactor"));
        Assert.Equal(6L, Cluster.Scalar($"SELECT count(*) FROM pg_dist_shard WHERE logicalrelid = '{table}'::regclass"));
    }

    [Fact]
    public void A_table_with_rows_keeps_them()
    {
        string table = Cluster.CreateTable("user_id bigint NOT NULL, note text");
        Cluster.Execute($"INSERT INTO {table} SELECT i, 'note ' || i FROM generate_series(1, 1000) i");
        string[] before = Cluster.Rows(table);

        Shell.Get($"New-DistributedTable {table} user_id -ShardCount 4");

        Assert.Equal(before, Cluster.Rows(table));
    }

    [Fact]
    public void Colocated_tables_share_their_group_and_others_do_not()
    {
        (string first, string second, string third) = (NewTable(), NewTable(), NewTable());
        PSObject a = Shell.Run($"New-DistributedTable {first} id -ColocateWith none -Definition 'id bigint NOT NULL'").Single;

        PSObject b = Shell.Run($"New-DistributedTable {second} key -ColocateWith {first} -Definition 'key bigint NOT NULL'").Single;
        PSObject c = Shell.Run($"New-DistributedTable {third} id -ColocateWith none -Definition 'id bigint NOT NULL'").Single;

        Assert.Equal(a.Get("ColocationId"), b.Get("ColocationId"));
        Assert.NotEqual(a.Get("ColocationId"), c.Get("ColocationId"));
    }

    [Fact]
    public void Concurrently_distributes_a_table_with_rows()
    {
        string table = Cluster.CreateTable("user_id bigint PRIMARY KEY");
        Cluster.Execute($"INSERT INTO {table} SELECT generate_series(1, 100)");

        PSObject made = Shell.Run($"New-DistributedTable {table} user_id -ShardCount 4 -Concurrently").Single;

        Assert.Equal(4L, made.Get("ShardCount"));
        Assert.Equal(100, Cluster.Count(table));
    }

    [Fact]
    public void A_reference_table_is_one_shard()
    {
        string table = NewTable();

        PSObject made = Shell.Run($"New-ReferenceTable {table} -Definition 'id bigint PRIMARY KEY'").Single;

        Assert.Equal(("Reference", 1L), (made.Get("Type")!.ToString(), made.Get("ShardCount")));
        Assert.Null(made.Get("DistributionColumn"));
    }

    [Theory]
    [InlineData("id bigint PRIMARY KEY, user_id bigint NOT NULL")]
    [InlineData("id bigint UNIQUE, user_id bigint NOT NULL")]
    [InlineData("\"odd id\" bigint PRIMARY KEY, user_id bigint NOT NULL")]
    public void A_key_without_the_distribution_column_is_refused_and_the_fix_given_works(string definition)
    {
        string table = Cluster.CreateTable(definition);

        ErrorRecord error = Shell.Run($"New-DistributedTable {table} user_id -ShardCount 4").Failed("CitusKeyWithoutDistributionColumn");
        string fix = FixPattern().Match(error.ErrorDetails.RecommendedAction).Groups["sql"].Value;
        Cluster.Execute(fix);

        Assert.Equal("user_id", Shell.Run($"New-DistributedTable {table} user_id -ShardCount 4").Single.Get("DistributionColumn"));
    }

    [Theory]
    [InlineData("CREATE UNIQUE INDEX ON {0} (note)")]
    [InlineData("CREATE UNIQUE INDEX ON {0} (lower(note))")]
    [InlineData("CREATE UNIQUE INDEX ON {0} (note) WHERE note > 'm'")]
    public void A_unique_index_without_the_distribution_column_is_refused_and_the_fix_given_works(string index)
    {
        string schema = Cluster.NewName("bank"), table = $"{schema}.payments";
        Cluster.Execute($"CREATE SCHEMA {schema}; CREATE TABLE {table} (user_id bigint NOT NULL, note text); "
            + $"{string.Format(System.Globalization.CultureInfo.InvariantCulture, index, table)}");
        Cluster.AtEnd($"DROP SCHEMA {schema} CASCADE");

        ErrorRecord error = Shell.Run($"New-DistributedTable {table} user_id -ShardCount 4").Failed("CitusKeyWithoutDistributionColumn");
        Cluster.Execute(FixPattern().Match(error.ErrorDetails.RecommendedAction).Groups["sql"].Value);
        Shell.Get($"New-DistributedTable {table} user_id -ShardCount 4");

        Assert.Equal(1L, Cluster.Scalar($"SELECT count(*) FROM pg_index WHERE indrelid = '{table}'::regclass AND indisunique AND "
            + $"(pg_get_expr(indpred, indrelid) IS NOT NULL) = {index.Contains("WHERE", StringComparison.Ordinal)}"));
    }

    [Fact]
    public void A_type_that_does_not_match_the_colocation_is_refused_and_the_fix_given_works()
    {
        string users = Cluster.Distribute("user_id bigint", "user_id"), table = Cluster.CreateTable("user_id int NOT NULL");

        ErrorRecord error = Shell.Run($"New-DistributedTable {table} user_id -ColocateWith {users}").Failed("CitusColocationTypeMismatch");
        Cluster.Execute(StatementIn(error.ErrorDetails.RecommendedAction));

        Shell.Get($"New-DistributedTable {table} user_id -ColocateWith {users}");
    }

    [Fact]
    public void A_collation_that_does_not_match_the_colocation_is_refused_and_the_fix_given_works()
    {
        string users = Cluster.Distribute("login text COLLATE \"C\"", "login"), table = Cluster.CreateTable("login text NOT NULL");

        ErrorRecord error = Shell.Run($"New-DistributedTable {table} login -ColocateWith {users}")
            .Failed("CitusColocationCollationMismatch");
        Assert.Contains($"{table}.login has the collation \"default\", but {users}, to colocate with, "
            + "is distributed by login with the collation \"C\"", error.Exception.Message);
        Cluster.Execute(StatementIn(error.ErrorDetails.RecommendedAction));

        Shell.Get($"New-DistributedTable {table} login -ColocateWith {users}");
        Assert.True((bool)Shell.Run($"Test-Colocation {table}, {users}").Single.BaseObject);
    }

    [Fact]
    public void Rows_without_a_distribution_value_are_refused_before_anything_is_done()
    {
        string table = Cluster.CreateTable("user_id bigint, note text");
        Cluster.Execute($"INSERT INTO {table} VALUES (1, 'a'), (NULL, 'b')");

        ErrorRecord error = Shell.Run($"New-DistributedTable {table} user_id -ShardCount 4").Failed("CitusNullDistributionValue");

        Assert.Contains($".{table} WHERE user_id IS NULL", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Assert.Equal(2, Cluster.Count(table));
    }

    [Fact]
    public void A_column_that_may_be_NULL_is_warned_of()
    {
        string table = Cluster.CreateTable("user_id bigint");

        Assert.Contains("SET NOT NULL",
            Assert.Single(Shell.Run($"New-DistributedTable {table} user_id -ShardCount 4").Succeeded().Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{0} nothing", "CitusColumnNotFound")]
    [InlineData("nowhere user_id", "CitusTableNotFound")]
    [InlineData("{0} user_id -ColocateWith nowhere", "CitusTableNotFound")]
    [InlineData("{0} user_id -ColocateWith {1}", "CitusNotDistributed")]
    [InlineData("{0} user_id -ColocateWith {2} -ShardCount 4", "CitusShardCountWithColocation")]
    [InlineData("{2} user_id", "CitusAlreadyDistributed")]
    public void What_can_not_be_is_told_by_its_own_error(string arguments, string errorId)
    {
        string plain = Cluster.CreateTable("user_id bigint NOT NULL"), other = Cluster.CreateTable("user_id bigint"),
            distributed = Cluster.Distribute("user_id bigint", "user_id");

        ErrorRecord error = Shell.Run("New-DistributedTable "
            + $"{string.Format(System.Globalization.CultureInfo.InvariantCulture, arguments, plain, other, distributed)}").Failed(errorId);

        Assert.False(string.IsNullOrEmpty(error.ErrorDetails.RecommendedAction));
        Assert.Equal(0L, Cluster.Scalar($"SELECT count(*) FROM pg_dist_partition WHERE logicalrelid = '{plain}'::regclass"));
    }

    [Fact]
    public void WhatIf_checks_everything_and_changes_nothing()
    {
        string plain = Cluster.CreateTable("user_id bigint NOT NULL"), name = NewTable();

        Assert.Empty(Shell.Get($"New-DistributedTable {plain} user_id -WhatIf"));
        Assert.Empty(Shell.Get($"New-DistributedTable {name} user_id -Definition 'user_id bigint NOT NULL' -WhatIf"));
        Assert.Empty(Shell.Get($"New-ReferenceTable {plain} -WhatIf"));
        Shell.Run($"New-DistributedTable {name} nothing -Definition 'user_id bigint NOT NULL' -WhatIf").Failed("CitusColumnNotFound");

        Assert.Equal(DBNull.Value, Cluster.Scalar($"SELECT to_regclass('{name}')::text"));
        Assert.Equal(0L, Cluster.Scalar($"SELECT count(*) FROM pg_dist_partition WHERE logicalrelid = '{plain}'::regclass"));
    }

    [Fact]
    public void A_definition_that_can_not_be_distributed_leaves_no_table()
    {
        string name = NewTable();

        ErrorRecord narrow = Shell.Run($"New-DistributedTable {name} user_id -Definition 'id bigint PRIMARY KEY, user_id bigint'")
            .Failed("CitusKeyWithoutDistributionColumn");
        Assert.StartsWith("Widen the key in -Definition: PRIMARY KEY (id, user_id), or", narrow.ErrorDetails.RecommendedAction,
            StringComparison.Ordinal);
        Shell.Run($"New-DistributedTable {name} user_id -Definition 'id bigint, user_id bigint NOT NULL, EXCLUDE USING btree (id WITH =)'")
            .Failed("CitusNotSupported");

        Assert.Equal(DBNull.Value, Cluster.Scalar($"SELECT to_regclass('{name}')::text"));
    }

    [Fact]
    public void A_definition_of_a_table_that_is_there_is_refused()
    {
        string table = Cluster.CreateTable("user_id bigint NOT NULL");
        ErrorRecord error = Shell.Run($"New-DistributedTable {table} user_id -Definition 'user_id bigint'").Failed("CitusAlreadyExists");
        Assert.Contains("Leave out -Definition", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_with_quotes_are_just_names()
    {
        string name = "o'dd \"tab;le\" " + NewTable();
        Cluster.AtEnd($"DROP TABLE IF EXISTS {ClusterFixture.Quote(name)}");
        Shell["name"] = name;

        PSObject made = Shell.Run(
            "New-DistributedTable $name 'co\"l''s' -ShardCount 4 -Definition '\"co\"\"l''s\" bigint PRIMARY KEY'").Single;

        Assert.Equal(ClusterFixture.Quote(name), made.Get("Table"));
        Assert.Equal("co\"l's", made.Get("DistributionColumn"));
        Assert.Equal("Distributed", Shell.Run("Get-DistributedTable $name").Single.Get("Type")!.ToString());
    }

    [Fact]
    public void Tables_placements_and_nodes_pipe_into_one_another()
    {
        string table = Cluster.Distribute("user_id bigint", "user_id");
        Cluster.Execute($"INSERT INTO {table} SELECT generate_series(1, 100)");

        IReadOnlyList<PSObject> placements = Shell.Get($"Get-DistributedTable {table} | Get-ShardPlacement");

        Assert.Equal(4, placements.Count);
        Assert.Equal(int.MinValue, placements.Min(p => (int)p.Get("HashMin")!));
        Assert.Equal(int.MaxValue, placements.Max(p => (int)p.Get("HashMax")!));
        Assert.All(placements, p => Assert.Equal($"{table}_{p.Get("ShardId")}", p.Get("ShardName")));
        HashSet<string> nodes = Shell.Get("Get-CitusNode").Select(n => $"{n.Get("NodeName")}:{n.Get("NodePort")}").ToHashSet();
        Assert.All(placements, p => Assert.Contains($"{p.Get("NodeName")}:{p.Get("NodePort")}", nodes));
        Assert.Equal((long)Shell.Run($"Get-DistributedTable {table}").Single.Get("SizeBytes")!,
            placements.Sum(p => (long)p.Get("SizeBytes")!));
    }

    [Theory]
    [InlineData("bigint", "5")]
    [InlineData("int", "5")]
    [InlineData("smallint", "[short]-5")]
    [InlineData("text", "'zoë'")]
    [InlineData("varchar(3)", "'abc'")]
    [InlineData("uuid", "[guid]'6f2d7f0e-8a53-4d0a-9b67-3c1f6a0f4d21'")]
    [InlineData("date", "[datetime]'2024-02-29'")]
    [InlineData("timestamp", "[datetime]'2024-02-29 12:34:56'")]
    [InlineData("timestamptz", "[DateTimeOffset]'2024-02-29 12:34:56+02:00'")]
    public void A_value_is_found_in_the_shard_that_holds_its_row(string type, string value)
    {
        string table = Cluster.Distribute($"id {type}", "id");
        Shell.Get($"Invoke-CitusQuery \"INSERT INTO {table} VALUES (@v::{type})\" -Parameter @{{ v = {value} }}");

        PSObject placement = Shell.Run($"Get-ShardPlacement {table} -Value ({value})").Single;

        Assert.Equal("1", Cluster.Scalar($"SELECT result FROM run_command_on_placements('{table}', "
            + $"'SELECT count(*) FROM %s') WHERE shardid = {placement.Get("ShardId")}"));
    }

    [Fact]
    public void A_value_that_is_none_of_the_type_or_a_table_without_hashes_is_an_error()
    {
        string table = Cluster.Distribute("id bigint", "id"), plain = Cluster.CreateTable("id bigint");
        string reference = Cluster.CreateTable("id bigint");
        Cluster.Execute($"SELECT create_reference_table('{reference}')");

        Shell.Run($"Get-ShardPlacement {table} -Value abc").Failed("CitusInvalidValue");
        Shell.Run($"Get-ShardPlacement {reference} -Value 5").Failed("CitusNotDistributed");
        Shell.Run($"Get-ShardPlacement {plain}").Failed("CitusNotDistributed");
        Shell.Run("Get-ShardPlacement -Value 5").Failed("CitusTableNeeded");
        Shell.Run("Get-DistributedTable nowhere").Failed("CitusTableNotFound");
    }

    [Fact]
    public void Nodes_are_those_of_the_cluster()
    {
        IReadOnlyList<PSObject> nodes = Shell.Get("Get-CitusNode");

        Assert.Equal(Cluster.Scalar("SELECT count(*) FROM pg_dist_node"), (long)nodes.Count);
        Assert.Single(nodes, n => n.Get("Role") is "Coordinator");
        Assert.All(nodes, n => Assert.Equal(true, n.Get("IsActive")));
    }

    private string NewTable()
    {
        string name = Cluster.NewName();
        Cluster.AtEnd($"DROP TABLE IF EXISTS {name}");
        return name;
    }

    /// <summary>Of advice such as "Change the type first: ALTER …."</summary>
    private static string StatementIn(string advice) => advice.Split(": ", 2)[1].TrimEnd('.');

    [GeneratedRegex(@"Widen the key \((?<sql>.*;)\)", RegexOptions.Singleline)]
    private static partial Regex FixPattern();
}
