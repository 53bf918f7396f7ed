using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Shards;

/// <summary>Resolve-ShardPlacement, and Get-ShardPlacement -Value.</summary>
public sealed class ResolveTests(ClusterFixture cluster, ITestOutputHelper log) : ClusterTest(cluster)
{
    private const int Values = 100_000;

    [Theory]
    [InlineData("smallint")]
    [InlineData("integer")]
    [InlineData("bigint")]
    [InlineData("text")]
    [InlineData("varchar")]
    [InlineData("character varying(20)")]
    [InlineData("character(14)")]
    [InlineData("bytea")]
    [InlineData("uuid")]
    [InlineData("date")]
    [InlineData("timestamp")]
    [InlineData("timestamp(3)")]
    [InlineData("timestamptz")]
    [InlineData("timestamptz(0)")]
    [InlineData("boolean")]
    [InlineData("double precision")]
    [InlineData("numeric")]
    [InlineData("numeric(16,2)")]
    [InlineData("real")]
    [InlineData("inet")]
    [InlineData("enum")]
    public void It_answers_as_the_server_does_after_splits_too(string type)
    {
        Cluster.RequireCitus();
        string sqlType = Create(type), table = Cluster.Distribute($"v {sqlType}", "v");
        string[] values = new RandomValues(FaultCluster.Chance(log)).Of(type, Values);
        Shell["values"] = values;

        long[] before = AssertSame(table, sqlType, values);
        Split(table, sqlType, values[0]);
        long[] after = AssertSame(table, sqlType, values);

        if (type is not ("boolean" or "enum")) Assert.NotEqual(before, after);
    }

    [Fact]
    public void An_answer_names_shard_and_node_and_keeps_the_order()
    {
        string table = Cluster.Distribute("user_id bigint", "user_id");

        PSObject[] found = [.. Shell.Get($"Resolve-ShardPlacement {table} -Value 0, '1', 2.0, ' 5 ', 7")];

        Assert.Equal(["0", "1", "2", " 5 ", "7"],
            found.Select(f => Convert.ToString(f.Get("Value"), System.Globalization.CultureInfo.InvariantCulture)));
        foreach (PSObject f in found)
        {
            long shard = (long)Cluster.Scalar($"SELECT get_shard_id_for_distribution_column('{table}', '{f.Get("Value")}'::bigint)")!;
            Assert.Equal((shard, $"{table}_{shard}"), (f.Get("ShardId"), f.Get("ShardName")));
            Assert.Equal(Cluster.Scalar($"SELECT worker_hash('{f.Get("Value")}'::bigint)"), f.Get("Hash"));
            Assert.Equal(Cluster.Scalar($"SELECT nodeport FROM citus_shards WHERE shardid = {shard}"), f.Get("NodePort"));
            PSObject placed = Shell.Run($"Get-ShardPlacement {table} -Value '{f.Get("Value")}'").Single;
            Assert.Equal((shard, f.Get("NodeName")), (placed.Get("ShardId"), placed.Get("NodeName")));
        }
    }

    [Fact]
    public void Objects_of_dotnet_types_hash_as_the_column_does()
    {
        string times = Cluster.Distribute("at timestamptz", "at"), keys = Cluster.Distribute("id uuid", "id"),
            bytes = Cluster.Distribute("b bytea", "b");

        Assert.Equal(Cluster.Scalar("SELECT worker_hash('2024-05-06 07:08:09.5+00'::timestamptz)"),
            Shell.Run($"Resolve-ShardPlacement {times} ([datetime]::new(2024, 5, 6, 7, 8, 9, 500, [DateTimeKind]::Utc))").Single.Get(
                "Hash"));
        Assert.Equal(Cluster.Scalar("SELECT worker_hash('0f0e0d0c-0b0a-0908-0706-050403020100'::uuid)"),
            Shell.Run($"[guid]'0f0e0d0c-0b0a-0908-0706-050403020100' | Resolve-ShardPlacement {keys}").Single.Get("Hash"));
        Assert.Equal(Cluster.Scalar(@"SELECT worker_hash('\x00ff'::bytea)"),
            Shell.Run($"Resolve-ShardPlacement {bytes} (, [byte[]](0, 255))").Single.Get("Hash"));
    }

    [Fact]
    public void Rows_give_the_value_of_the_distribution_column()
    {
        string table = Cluster.Distribute("user_id bigint, note text", "user_id");

        IReadOnlyList<PSObject> found = Shell.Get("Invoke-CitusQuery 'SELECT i AS user_id, 7 AS note FROM generate_series(1, "
            + $"3) i' | Resolve-ShardPlacement {table}; @{{ user_id = 4 }} | Resolve-ShardPlacement {table}");

        Assert.Equal(["1", "2", "3", "4"], found.Select(f => f.Get("Value")!.ToString()));
    }

    [Fact]
    public void Values_that_lie_nowhere_are_errors_and_the_rest_is_answered()
    {
        string table = Cluster.Distribute("user_id bigint", "user_id");

        RunResult run = Shell.Run($"1, $null, 'five', 3, '99999999999999999999', 4 | Resolve-ShardPlacement {table}");

        Assert.Equal(["1", "3", "4"], run.Output.Select(o => o.Get("Value")!.ToString()));
        Assert.Equal(["CitusNullDistributionValue", "CitusInvalidValue", "CitusInvalidValue"],
            run.Errors.Select(e => e.FullyQualifiedErrorId.Split(',')[0]));
        Assert.Contains($"'five' is not a value of {table}.user_id, which is of type bigint: invalid input syntax for type bigint: \"five\".",
            run.Errors[1].Exception.Message);
        Assert.Equal("five", run.Errors[1].TargetObject);
    }

    [Fact]
    public void A_text_too_long_for_its_column_lies_nowhere()
    {
        string table = Cluster.Distribute("code varchar(3)", "code");

        RunResult run = Shell.Run($"'abc', 'abcd', 'abc  ' | Resolve-ShardPlacement {table}");

        Assert.Equal(2, run.Output.Count);
        Assert.Equal(run.Output[0].Get("Hash"), run.Output[1].Get("Hash"));
        Assert.Contains("too long", run.Failed("CitusInvalidValue").Exception.Message);
    }

    [Fact]
    public void Get_ShardPlacement_takes_one_value_and_names_the_cmdlet_for_more()
    {
        string table = Cluster.Distribute("id bigint", "id");
        Assert.Contains("Resolve-ShardPlacement",
            Shell.Run($"Get-ShardPlacement {table} 5, 6").Failed("CitusInvalidArgument").ErrorDetails.RecommendedAction,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_table_without_distribution_column_is_refused()
    {
        string plain = Cluster.CreateTable("id bigint");

        Shell.Run($"Resolve-ShardPlacement {plain} 1").Failed("CitusNotDistributed");
        Shell.Run($"Resolve-ShardPlacement {Cluster.NewName()} 1").Failed("CitusTableNotFound");
    }

    [Fact]
    public void A_reference_table_does_not_stop_a_search_through_all_tables()
    {
        string first = Cluster.Distribute("id bigint", "id"), reference = Cluster.CreateTable("id bigint"),
            last = Cluster.Distribute("id bigint", "id");
        Cluster.Execute($"SELECT create_reference_table('{reference}')");

        RunResult run = Shell.Run($"'{first}', '{reference}', '{last}' | Get-DistributedTable | Get-ShardPlacement -Value 5");

        Assert.Equal([first, last], run.Output.Select(o => (string)o.Get("Table")!));
        Assert.Equal(reference, run.Failed("CitusNotDistributed").TargetObject);
    }

    private string Create(string type)
    {
        if (type != "enum") return type;
        string name = Cluster.NewName("kind");
        Cluster.Execute($"CREATE TYPE {name} AS ENUM ('SendFunds', 'GiftFunds', 'DisputeCharge')");
        return name;
    }

    private long[] AssertSame(string table, string sqlType, string[] values)
    {
        IReadOnlyList<PSObject> found = Shell.Get($"$values | Resolve-ShardPlacement {table}");
        long[] ids = [.. found.Select(f => (long)f.Get("ShardId")!)];
        Assert.Equal(Ask(table, sqlType, values), ids);
        return ids;
    }

    private long[] Ask(string table, string sqlType, string[] values)
    {
        using NpgsqlCommand command = Cluster.Database.CreateCommand(
            $"SELECT get_shard_id_for_distribution_column($1::text::regclass, v::{sqlType}) FROM unnest($2::text[]) WITH ORDINALITY AS "
                + "u(v, n) ORDER BY n");
        command.Parameters.Add(new() { Value = table });
        command.Parameters.Add(new() { Value = values });
        using NpgsqlDataReader row = command.ExecuteReader();
        var ids = new List<long>();
        while (row.Read()) ids.Add(row.GetInt64(0));
        return [.. ids];
    }

    /// <summary>Cuts the first shard into three uneven ones, and gives a value a shard of its own.</summary>
    private void Split(string table, string sqlType, string value)
    {
        Cluster.Execute($"""
            SELECT citus_split_shard_by_split_points((SELECT min(shardid) FROM pg_dist_shard WHERE logicalrelid = '{table}'::regclass),
              ARRAY['-2147000000', '-1500000001'],
                  (SELECT array_agg(nodeid ORDER BY n)
                      FROM (SELECT nodeid, row_number() OVER () AS n FROM pg_dist_node, generate_series(1, 3) WHERE shouldhaveshards
                          ORDER BY 2 LIMIT 3) x), 'block_writes')
            """);
        using NpgsqlCommand command = Cluster.Database.CreateCommand("SELECT isolate_tenant_to_new_shard($1::text::regclass, "
            + $"$2::text::{sqlType}, shard_transfer_mode := 'block_writes')");
        command.Parameters.Add(new() { Value = table });
        command.Parameters.Add(new() { Value = value });
        command.ExecuteNonQuery();
    }
}
