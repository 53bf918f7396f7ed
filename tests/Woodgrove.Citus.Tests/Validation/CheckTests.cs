using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Validation;

/// <summary>Test-CitusCluster and Get-CitusCheck, whatever the cluster's state.</summary>
public sealed class CheckTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Fact]
    public void There_are_thirty_checks_and_more_and_each_says_what_it_decides_and_why()
    {
        IReadOnlyList<PSObject> checks = Shell.Get("Get-CitusCheck");

        Assert.InRange(checks.Count, 30, 100);
        Assert.All(checks, c =>
        {
            Assert.EndsWith(".", (string)c.Get("Decides")!);
            Assert.EndsWith(".", (string)c.Get("Explanation")!);
            Assert.Equal(c.Get("Threshold") is null, c.Get("ThresholdMeaning") is null);
        });
        Assert.Equal(checks.Count, checks.Select(c => c.Get("Check")).Distinct().Count());
    }

    [Fact]
    public void Checks_are_chosen_by_name_wildcard_category_and_exclusion()
    {
        string Checks(string command) => string.Join(' ', Shell.Get(command).Select(c => c.Get("Check")));

        Assert.Equal("WalLevel", Checks("Test-CitusCluster wallevel"));
        Assert.Equal("IdleTransactions LongTransactions PreparedTransactions", Checks("Test-CitusCluster *Transactions"));
        Assert.Equal("IdleTransactions PreparedTransactions", Checks("Test-CitusCluster *Transactions -Exclude Long*"));
        Assert.Equal(Checks("Get-CitusCheck -Category Security, Capacity"),
            Checks("Get-CitusCheck -Category Security, Capacity | Test-CitusCluster"));
    }

    [Theory]
    [InlineData("Test-CitusCluster Nonsense", "CitusCheckNotFound", "Nonsense")]
    [InlineData("Test-CitusCluster -Exclude Nonsense", "CitusCheckNotFound", "Nonsense")]
    [InlineData("Get-CitusCheck Nonsense", "CitusCheckNotFound", "Nonsense")]
    [InlineData("Test-CitusCluster -Threshold @{ WalLevel = 3 }", "CitusInvalidThreshold", "WalLevel has no threshold")]
    [InlineData("Test-CitusCluster -Threshold @{ TableSkew = 'much' }", "CitusInvalidThreshold", "'much', is not a number")]
    public void What_is_no_check_or_no_threshold_is_refused(string command, string errorId, string says) =>
        Assert.Contains(says, Shell.Run(command).Failed(errorId).Exception.Message);

    [Fact]
    public void A_result_says_what_was_expected_what_is_and_why_it_matters()
    {
        PSObject result = Shell.Run("Test-CitusCluster CoordinatorRegistered").Single;

        Assert.Equal("Passed", result.Get("Status")!.ToString());
        Assert.Equal("Nodes", result.Get("Category")!.ToString());
        Assert.Contains("is registered", (string)result.Get("Actual")!);
        Assert.Equal(Shell.Run("(Get-CitusCheck CoordinatorRegistered).Explanation").Single.BaseObject, result.Get("Explanation"));
    }

    [Fact]
    public void A_table_distributed_by_a_type_of_the_users_own_is_no_difference_between_nodes()
    {
        Cluster.RequireCitus();
        string type = Cluster.NewName("mood");
        // Each statement on the coordinator alone takes an OID there that the workers still have to give.
        Cluster.Execute($"SET citus.enable_ddl_propagation = off; CREATE TYPE {type}_local AS ENUM ('sad'); DROP TYPE {type}_local; "
            + $"SET citus.enable_ddl_propagation = on; CREATE TYPE {type} AS ENUM ('sad', 'happy')");
        Cluster.AtEnd($"DROP TYPE {type}");
        string table = Cluster.Distribute($"mood {type}", "mood");
        try
        {
            Assert.NotEqual(Cluster.Scalar($"SELECT '{type}'::regtype::oid::text"),
                Cluster.Scalar($"SELECT result FROM run_command_on_workers($$SELECT '{type}'::regtype::oid::text$$) LIMIT 1"));
            Assert.Equal("Passed", Shell.Run("Test-CitusCluster -Check NodeMetadata").Single.Get("Status")!.ToString());
        }
        finally
        {
            Cluster.Execute($"DROP TABLE {table}");
        }
    }

    [Fact]
    public void Quiet_gives_true_where_nothing_failed() =>
        Assert.Equal(true, Shell.Run("Test-CitusCluster CoordinatorRegistered, NodesActive -Quiet").Single.BaseObject);

    [Fact]
    public void Everything_together_only_reads()
    {
        Shell["text"] = $"{Cluster.ConnectionString};Options=-c default_transaction_read_only=on";
        Shell.Get("$reader = Connect-CitusCluster -ConnectionString $text");
        try
        {
            Shell.Run("Invoke-CitusQuery 'CREATE TABLE never (a int)' -Connection $reader").Failed("CitusServerError");
            IReadOnlyList<PSObject> results = Shell.Get("Test-CitusCluster -Connection $reader");

            Assert.Equal(Shell.Get("Get-CitusCheck | Where-Object Category -NE Upgrade").Count, results.Count);
            Assert.DoesNotContain(results, r => ((string)r.Get("Actual")!).Contains("25006", StringComparison.Ordinal));
            if (Cluster.IsCitus) Assert.DoesNotContain(results, r => r.Get("Status")!.ToString() == "Skipped");
        }
        finally
        {
            Shell.Run("Disconnect-CitusCluster $reader");
        }
    }

    [Fact]
    public void Who_may_not_look_is_told_which_right_is_missing()
    {
        Cluster.RequireCitus();
        Cluster.RequireSandbox();
        string role = Cluster.NewName("looker");
        string password = File.ReadAllText(Path.Combine((string)Cluster.Sandbox!.Get("Path")!, "pgpass")).Trim().Split(':')[^1];
        Cluster.Execute($"CREATE ROLE {role} LOGIN PASSWORD '{password}'");
        Cluster.Execute("REVOKE SELECT ON pg_catalog.pg_dist_cleanup FROM PUBLIC");
        Shell["text"] = Cluster.ConnectionString.Replace("Username=postgres", $"Username={role}");
        try
        {
            Shell.Get("$looker = Connect-CitusCluster -ConnectionString $text");
            Dictionary<string, PSObject> results = Shell.Get("Test-CitusCluster -Connection $looker")
                .ToDictionary(r => (string)r.Get("Check")!);

            Assert.All(new[] { "LongTransactions", "IdleTransactions", "LockWaits", "ClientTls" }, check =>
            {
                Assert.Equal("Skipped", results[check].Get("Status")!.ToString());
                Assert.Equal("needs the rights of pg_read_all_stats", results[check].Get("Actual"));
                Assert.Equal($"GRANT pg_read_all_stats TO {role};", results[check].Get("Fix"));
            });
            Assert.Equal("Skipped", results["CleanupRecords"].Get("Status")!.ToString());
            Assert.Contains("42501", (string)results["CleanupRecords"].Get("Actual")!);
            Assert.Contains("pg_dist_cleanup", (string)results["CleanupRecords"].Get("Actual")!);
            Assert.Equal("Passed", results["WalLevel"].Get("Status")!.ToString());
        }
        finally
        {
            Shell.Run("Disconnect-CitusCluster $looker");
            Cluster.Execute("GRANT SELECT ON pg_catalog.pg_dist_cleanup TO PUBLIC");
            Cluster.Execute($"DROP ROLE {role}");
        }
    }

    [Fact]
    public void A_node_that_the_client_cannot_reach_is_asked_by_way_of_the_coordinator()
    {
        Cluster.RequireCitus();
        Cluster.RequireSandbox();
        string role = Cluster.NewName("outsider");
        string password = File.ReadAllText(Path.Combine((string)Cluster.Sandbox!.Get("Path")!, "pgpass")).Trim().Split(':')[^1];
        Cluster.Execute($"CREATE ROLE {role} LOGIN PASSWORD '{password}' IN ROLE pg_monitor");
        // The coordinator takes another password than the workers, which take the one that the coordinator itself uses.
        using (NpgsqlConnection session = Cluster.Database.OpenConnection())
        {
            new NpgsqlCommand("SET citus.enable_ddl_propagation = off", session).ExecuteNonQuery();
            new NpgsqlCommand($"ALTER ROLE {role} PASSWORD 'another'", session).ExecuteNonQuery();
        }
        Shell["text"] = $"Host={Cluster.Sandbox!.Get("Server")};Port={Cluster.Sandbox!.Get("Port")};Database=citus;Username={role};Password=another";
        try
        {
            Shell.Get("$outsider = Connect-CitusCluster -ConnectionString $text");
            Dictionary<string, PSObject> results = Shell.Get("Test-CitusCluster -Connection $outsider")
                .ToDictionary(r => (string)r.Get("Check")!);

            Assert.Equal("Passed", results["WalLevel"].Get("Status")!.ToString());
            Assert.Equal("Passed", results["InvalidIndexes"].Get("Status")!.ToString());
            // Alike or not: a test before may have broken a commit off, which Citus completes within a minute.
            Assert.Equal(Shell.Get("Test-CitusCluster -Check NodeMetadata").Single().Get("Actual"), results["NodeMetadata"].Get("Actual"));
            Assert.Equal("Passed", results["ClockDifference"].Get("Status")!.ToString());
        }
        finally
        {
            Shell.Run("Disconnect-CitusCluster $outsider");
            Cluster.Execute($"DROP ROLE {role}");
        }
    }

    [Theory]
    [InlineData("Test-CitusCluster -Check Inv", "InvalidIndexes")]
    [InlineData("Test-CitusCluster -Exclude Wal", "WalLevel")]
    [InlineData("Get-CitusCheck Tab", "TableSkew")]
    public void Names_of_checks_complete(string line, string expected) =>
        Assert.Contains(expected,
            CommandCompletion.CompleteInput(line, line.Length, null, Shell.Create("")).CompletionMatches.Select(m => m.CompletionText));
}
