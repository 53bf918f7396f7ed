using System.Management.Automation;
using Woodgrove.Citus.Tests.Activity;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Shards;

/// <summary>Find-DistributionColumn, on the payment app's tables in a schema of their own.</summary>
public sealed class FindColumnTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_chooses_the_user_rejects_the_type_and_names_the_merchants_for_every_node(bool distributed)
    {
        string schema = Bank(distributed);

        IReadOnlyList<PSObject> found = Shell.Get($"Find-DistributionColumn {schema}.payment_events -ShardCount 32");

        PSObject best = found.Single(f => f.Get("Rank") is 1);
        Assert.Equal(("user_id", "Recommended", true), (best.Get("Column"), best.Get("Verdict")!.ToString(), best.Get("IsInEveryKey")));
        // Other tests have tables with a user_id too; those of the same schema come first.
        Assert.Equal($"{schema}.payment_users", ((IEnumerable<string>)best.Get("RelatedTables")!).First());
        if (distributed) Assert.Matches($"{schema}.payment_users.* (is|are) distributed by it", (string)best.Get("Reason")!);
        PSObject type = found.Single(f => f.Get("Column") is "event_type");
        Assert.Equal(("Unsuitable", "only 5 distinct values for 32 shards"), (type.Get("Verdict")!.ToString(), type.Get("Reason")));
        PSObject merchants = found.Single(f => f.Get("Table") is string table && table == $"{schema}.payment_merchants");
        Assert.Equal("ReferenceTable", merchants.Get("Verdict")!.ToString());
        Assert.Contains("20 rows", (string)merchants.Get("Reason")!);
        Assert.Equal("ReferenceTable", Shell.Get($"Find-DistributionColumn {schema}.payment_merchants")[0].Get("Verdict")!.ToString());
        Assert.DoesNotContain(Shell.Get($"Find-DistributionColumn {schema}.payment_users"),
            f => f.Get("Verdict")!.ToString() == "ReferenceTable");
    }

    [Fact]
    public void What_statements_filter_and_join_by_speaks_for_a_column()
    {
        Cluster.RequireSandbox();
        Cluster.RequireCitus();
        string schema = Bank(distributed: true);
        Cluster.Execute($"CREATE TABLE {schema}.payment_events_old (merchant_id bigint)");
        Cluster.Execute("SELECT pg_stat_statements_reset()");
        for (int user = 1; user <= 6; user++) Cluster.Scalar($"SELECT count(*) FROM {schema}.payment_events WHERE user_id = {user}");
        for (int i = 0; i < 3; i++)
            Cluster.Scalar($"SELECT count(*) FROM {schema}.payment_events e JOIN {schema}.payment_users u USING (user_id) WHERE u.login "
                + "<> 'x'");
        Cluster.Scalar($"SELECT count(*) FROM {schema}.payment_events WHERE merchant_id IN (3, 4)");
        Cluster.Scalar($"SELECT count(*) FROM {schema}.payment_events WHERE event_id > 10"); // a range helps no hash
        Cluster.Scalar($"SELECT count(*) FROM {schema}.payment_events_old WHERE merchant_id = 3"); // another table

        IReadOnlyList<PSObject> found = Shell.Get($"Find-DistributionColumn {schema}.payment_events -ShardCount 32");

        PSObject user_id = found.Single(f => f.Get("Column") is "user_id"), merchant = found.Single(f => f.Get("Column") is "merchant_id"),
            id = found.Single(f => f.Get("Column") is "event_id");
        Assert.Equal((9L, 1L, 0L), (user_id.Get("Uses"), merchant.Get("Uses"), id.Get("Uses")));
        Assert.Contains("9 calls of recent statements filter or join by it", (IEnumerable<string>)user_id.Get("Evidence")!);
        Assert.DoesNotContain((IEnumerable<string>)id.Get("Evidence")!, e => e.Contains("calls", StringComparison.Ordinal));
        Assert.Equal(("Recommended", 1), (user_id.Get("Verdict")!.ToString(), user_id.Get("Rank")));
    }

    [Fact]
    public void The_spread_it_predicts_is_that_of_the_table_once_distributed()
    {
        string schema = Bank(distributed: false);
        PSObject merchant = Shell.Get($"Find-DistributionColumn {schema}.payment_events -ShardCount 4")
            .Single(f => f.Get("Column") is "merchant_id");

        Cluster.Execute($"CREATE TABLE {schema}.by_merchant (LIKE {schema}.payment_events); "
            + $"INSERT INTO {schema}.by_merchant SELECT * FROM {schema}.payment_events; "
            + $"SELECT create_distributed_table('{schema}.by_merchant', 'merchant_id', colocate_with := 'none', shard_count := 4)");

        Assert.Equal(Shell.Run($"Measure-ShardSkew {schema}.by_merchant -By Rows").Single.Get("MaxToMean"),
            merchant.Get("PredictedMaxToMean"));
        Assert.False((bool)merchant.Get("IsInEveryKey")!);
    }

    [Fact]
    public void It_finds_the_user_in_a_file_too()
    {
        Shell["samples"] = Cluster.Folder;
        Shell.Get("New-CitusSampleData $samples -UserCount 2000 -EventCount 20000");

        IReadOnlyList<PSObject> found = Shell.Get($"Find-DistributionColumn -Path '{Path.Combine(Cluster.Folder, "events.csv")}' "
            + "-NoHeader -Column event_id, event_type, user_id, merchant_id, details, created_at");

        Assert.Equal("user_id", found[0].Get("Column"));
        Assert.Equal("Recommended", found[0].Get("Verdict")!.ToString());
        Assert.Equal("Unsuitable", found.Single(f => f.Get("Column") is "event_type").Get("Verdict")!.ToString());
    }

    [Fact]
    public void A_column_with_nulls_or_a_table_without_rows_is_said_so()
    {
        string table = Cluster.CreateTable("id bigint, owner bigint");
        Shell.Run($"Find-DistributionColumn {table}").Failed("CitusTableEmpty");
        Cluster.Execute($"INSERT INTO {table} SELECT i, nullif(i % 400, 7) FROM generate_series(1, 4000) i");

        PSObject owner = Shell.Get($"Find-DistributionColumn {table}").Single(f => f.Get("Column") is "owner");

        Assert.Equal(("Unsuitable", 0.0025), (owner.Get("Verdict")!.ToString(), owner.Get("NullShare")));
        Assert.Contains("NULL in 10 rows", (string)owner.Get("Reason")!);
    }

    [Fact]
    public void A_file_of_a_header_alone_recommends_nothing()
    {
        string path = Path.Combine(Cluster.Folder, Cluster.NewName("header") + ".csv");
        File.WriteAllText(path, "user_id,note\n");

        Shell.Run($"Find-DistributionColumn -Path '{path}'").Failed("CitusCsvEmpty");
    }

    [Fact]
    public void A_table_without_any_column_that_has_a_hash_is_an_error_and_not_silence()
    {
        string table = Cluster.CreateTable("place point, details json");
        Cluster.Execute($"INSERT INTO {table} VALUES ('(1,2)', '{{}}')");

        Assert.Contains("point have no hash", Shell.Run($"Find-DistributionColumn {table}").Failed("CitusNoCandidate").Exception.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_part_of_a_large_columnar_table_can_be_read()
    {
        Cluster.RequireSandbox();
        Cluster.RequireCitus();
        string table = Cluster.NewName();
        Cluster.Execute("CREATE EXTENSION IF NOT EXISTS citus_columnar");
        Cluster.Execute($"CREATE TABLE {table} (user_id int) USING columnar; "
            + $"INSERT INTO {table} SELECT i % 10000 FROM generate_series(1, 1100000) i");
        Cluster.AtEnd($"DROP TABLE {table}");

        PSObject user = Shell.Run($"Find-DistributionColumn {table}").Single;

        Assert.InRange((long)user.Get("RowsRead")!, 980_000, 1_020_000);
        Assert.Equal(10_000L, user.Get("DistinctValues"));
    }

    [Fact]
    public void Tables_that_the_role_may_not_read_do_not_end_it()
    {
        string schema = Bank(distributed: false);
        using var bystander = new Activity.Bystander(Cluster, everywhere: true);
        Cluster.Execute($"GRANT USAGE ON SCHEMA {schema} TO {bystander.Name}; GRANT SELECT ON {schema}.payment_events TO {bystander.Name}");

        PSObject best = Shell.Get($"Find-DistributionColumn {schema}.payment_events -Connection $bystander")
            .Single(f => f.Get("Rank") is 1);

        Assert.Equal("user_id", best.Get("Column"));
        Assert.Equal($"{schema}.payment_users", ((IEnumerable<string>)best.Get("RelatedTables")!).First());
    }

    private string Bank(bool distributed)
    {
        string schema = Cluster.NewName("bank");
        Cluster.Execute($"""
            CREATE SCHEMA {schema};
            CREATE TABLE {schema}.payment_users (user_id bigint PRIMARY KEY, login text);
            CREATE TABLE {schema}.payment_events (event_id bigint, event_type text, user_id bigint, merchant_id bigint,
                event_details jsonb, created_at timestamp, PRIMARY KEY (event_id, user_id));
            CREATE TABLE {schema}.payment_merchants (merchant_id bigint PRIMARY KEY, name text);
            INSERT INTO {schema}.payment_users SELECT i, 'u' || i FROM generate_series(1, 2000) i;
            INSERT INTO {schema}.payment_events SELECT i,
                (ARRAY['SendFunds','RequestFunds','GiftFunds','DisputeCharge','IssuesEvent'])[1 + i % 5],
              1 + (i::bigint * 7919) % 2000, 1 + i % 20, '{"{}"}', timestamp '2024-01-01' + i * interval '7 s'
                  FROM generate_series(1, 20000) i;
            INSERT INTO {schema}.payment_merchants SELECT i, 'm' || i FROM generate_series(1, 20) i;
            """);
        Cluster.AtEnd($"DROP SCHEMA {schema} CASCADE");
        if (distributed)
        {
            Cluster.Execute($"SELECT create_distributed_table('{schema}.payment_users', 'user_id', colocate_with := 'none', "
                + "shard_count := 4)");
            Cluster.Execute($"SELECT create_distributed_table('{schema}.payment_events', 'user_id', "
                + $"colocate_with := '{schema}.payment_users')");
        }
        return schema;
    }
}
