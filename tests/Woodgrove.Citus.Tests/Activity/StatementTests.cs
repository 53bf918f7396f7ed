using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Activity;

/// <summary>Get-CitusStatement and Get-CitusTenant.</summary>
public sealed class StatementTests : ClusterTest
{
    private readonly string _table;

    public StatementTests(ClusterFixture cluster) : base(cluster)
    {
        cluster.RequireSandbox();
        _table = cluster.Distribute("id bigint PRIMARY KEY, value int", "id");
        cluster.Execute($"INSERT INTO {_table} SELECT g, g FROM generate_series(1, 10) g");
    }

    [Fact]
    public void A_statement_is_counted_with_its_rows_and_times()
    {
        RequireStatements();
        for (int i = 0; i < 3; i++) Cluster.Scalar($"SELECT value FROM {_table} WHERE id > 0 ORDER BY 1");

        PSObject statement = Statement("ORDER BY");

        Assert.Equal((3L, 30L, "postgres"), (statement.Get("Calls"), statement.Get("Rows"), statement.Get("UserName")));
        Assert.Equal($"SELECT value FROM {_table} WHERE id > $1 ORDER BY 1", statement.Get("Query"));
        Assert.True(statement.Get("TotalTime") is TimeSpan total && statement.Get("MaxTime") is TimeSpan max
            && statement.Get("MeanTime") is TimeSpan mean && total >= max && max >= mean && mean > TimeSpan.Zero);
        Assert.Null(statement.Get("Executor"));
    }

    [Fact]
    public void Citus_tells_its_executor_and_the_values_where_it_counts_and_how_to_make_it_where_not()
    {
        Cluster.RequireCitus();
        RequireStatements();
        Assert.Contains(Shell.Run("Get-CitusStatement -Verbose").Verbose,
            v => v.Contains("ALTER SYSTEM SET citus.stat_statements_track = 'all'"));
        Cluster.Execute("ALTER SYSTEM SET citus.stat_statements_track = 'all'");
        Cluster.Execute("SELECT pg_reload_conf()");
        try
        {
            Assert.True(SpinWait.SpinUntil(() => Cluster.Scalar("SHOW citus.stat_statements_track") is "all", TimeSpan.FromSeconds(10)));
            // A pooled session may take the new setting later than the one that was asked; a new one has it from the server.
            using (var session = new Npgsql.NpgsqlConnection(Cluster.ConnectionString + ";Pooling=false"))
            {
                session.Open();
                foreach (int id in (int[])[7, 7, 7, 8])
                    new Npgsql.NpgsqlCommand($"SELECT max(value) FROM {_table} WHERE id = {id}", session).ExecuteScalar();
            }

            PSObject statement = Statement("max(value)");

            Assert.Equal((4L, "adaptive"), (statement.Get("Calls"), statement.Get("Executor")));
            Assert.Equal(["7", "8"], ((IEnumerable)statement.Get("DistributionValues")!).Cast<string>());
        }
        finally
        {
            Cluster.Execute("ALTER SYSTEM RESET citus.stat_statements_track");
            Cluster.Execute("SELECT pg_reload_conf()");
        }
    }

    [Fact]
    public void A_plain_role_sees_its_own_statements_and_is_told_that_others_are_hidden()
    {
        RequireStatements();
        using var bystander = new Bystander(Cluster, everywhere: true);
        Cluster.Execute($"GRANT SELECT ON {_table} TO {bystander.Name}");
        using (var session = new Npgsql.NpgsqlConnection(bystander.ConnectionString))
        {
            session.Open();
            using var command = new Npgsql.NpgsqlCommand($"SELECT min(value) FROM {_table}", session);
            command.ExecuteScalar();
        }

        RunResult run = Shell.Run("Get-CitusStatement -Connection $bystander").Succeeded();

        Assert.Contains(run.Output, s => s.Get("Query") is string query && query == $"SELECT min(value) FROM {_table}");
        Assert.All(run.Output, s => Assert.Equal(bystander.Name, s.Get("UserName")));
        Assert.Contains($"GRANT pg_read_all_stats TO {bystander.Name}", Assert.Single(run.Warnings));
    }

    [Fact]
    public void Without_the_extension_the_error_says_what_to_do()
    {
        RequireStatements();
        Cluster.Execute("DROP EXTENSION pg_stat_statements");
        try
        {
            ErrorRecord error = Shell.Run("Get-CitusStatement").Failed("CitusStatementsNotCounted");
            Assert.Contains("run CREATE EXTENSION pg_stat_statements", error.Exception.Message);
            Assert.Equal(ErrorCategory.NotInstalled, error.CategoryInfo.Category);
        }
        finally
        {
            Cluster.Execute("CREATE EXTENSION pg_stat_statements");
        }
    }

    [Fact]
    public void Tenants_are_counted_once_it_is_switched_on_as_the_warning_says()
    {
        Cluster.RequireCitus();
        RunResult off = Shell.Run("Get-CitusTenant").Succeeded();
        Assert.Empty(off.Output);
        string fix = Assert.Single(off.Warnings);
        foreach (string sql in fix[fix.IndexOf("SELECT", StringComparison.Ordinal)..].Split(';',
            StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)) Cluster.Execute(sql);
        try
        {
            Assert.True(SpinWait.SpinUntil(() =>
                Cluster.Scalar("SELECT bool_and(result = 'all') FROM run_command_on_all_nodes('SHOW citus.stat_tenants_track')") is true,
                TimeSpan.FromSeconds(10)));
            for (int i = 0; i < 4; i++) Cluster.Scalar($"SELECT value FROM {_table} WHERE id = 3");
            Cluster.Execute($"UPDATE {_table} SET value = 0 WHERE id = 3");

            RunResult on = Shell.Run("Get-CitusTenant").Succeeded();

            Assert.Empty(on.Warnings);
            object colocation = Shell.Run($"Get-DistributedTable {_table}").Single.Get("ColocationId")!;
            PSObject tenant = Assert.Single(on.Output, t => t.Get("Tenant") is "3" && t.Get("ColocationId")!.Equals(colocation));
            // A period may have ended between the statements.
            Assert.Equal((4, 5), ((int)tenant.Get("Reads")! + (int)tenant.Get("LastReads")!, (int)tenant.Get("Queries")!
                + (int)tenant.Get("LastQueries")!));
            Assert.Equal(Shell.Run($"Get-ShardPlacement {_table} 3").Single.Get("NodePort"), tenant.Get("NodePort"));
            Assert.True((TimeSpan)tenant.Get("CpuTime")! + (TimeSpan)tenant.Get("LastCpuTime")! > TimeSpan.Zero);

            using var monitor = new Bystander(Cluster, everywhere: true, memberOf: "pg_monitor");
            Assert.NotEmpty(Shell.Get("Get-CitusTenant -Connection $bystander"));
        }
        finally
        {
            Cluster.Execute("SELECT run_command_on_all_nodes('ALTER SYSTEM RESET citus.stat_tenants_track')");
            Cluster.Execute("SELECT run_command_on_all_nodes('SELECT pg_reload_conf()')");
        }
    }

    [Fact]
    public void Tenants_are_denied_to_a_plain_role_with_the_right_that_it_needs()
    {
        Cluster.RequireCitus();
        using var bystander = new Bystander(Cluster, everywhere: true);

        ErrorRecord error = Shell.Run("Get-CitusTenant -Connection $bystander").Failed("CitusPermissionDenied");

        Assert.Contains($"GRANT pg_monitor TO {bystander.Name}", error.Exception.Message);
    }

    [Fact]
    public void The_stand_in_says_that_it_has_no_tenants()
    {
        if (Cluster.IsCitus) Assert.Skip("needs the stand-in; this run's cluster is Citus");
        Shell.Run("Get-CitusTenant").Failed("CitusNotSupported");
    }

    private PSObject Statement(string part) =>
        Assert.Single(Shell.Get("Get-CitusStatement"),
            s => s.Get("Query") is string query && query.Contains($"FROM {_table} ") && query.Contains(part));

    private void RequireStatements()
    {
        if (Cluster.Scalar("SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'") is 0L)
            Assert.Skip("needs pg_stat_statements, which this machine's PostgreSQL lacks");
    }
}
