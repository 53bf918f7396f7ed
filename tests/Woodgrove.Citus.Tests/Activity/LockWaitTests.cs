using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Activity;

/// <summary>Get-CitusActivity and Get-CitusLockWait while statements really wait for each other.</summary>
public sealed class LockWaitTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Fact]
    public void Who_blocks_comes_first_and_those_who_wait_stand_below()
    {
        using var blockade = new Blockade(Cluster);

        IReadOnlyList<PSObject> waits = Shell.Get("Get-CitusLockWait");

        Assert.Equal([0, 1, 2], waits.Select(w => (int)w.Get("Depth")!));
        Assert.Equal([2, 1, 0], waits.Select(w => (int)w.Get("Blocks")!));
        Assert.Equal(["idle in transaction", "active", "active"], waits.Select(w => w.Get("State")));
        Assert.Equal([$"UPDATE {blockade.Table} SET value = 1 WHERE id = 5", $"UPDATE {blockade.Table} SET value = 2 WHERE id = 5",
            $"LOCK TABLE {blockade.Table} IN ACCESS EXCLUSIVE MODE"],
            waits.Select(w => w.Get("Query")));
        Assert.Empty((IEnumerable)waits[0].Get("BlockedBy")!);
        Assert.Equal([waits[0].Get("GlobalProcessId")], ((IEnumerable)waits[1].Get("BlockedBy")!).Cast<object>());
        Assert.Equal([waits[0].Get("GlobalProcessId"), waits[1].Get("GlobalProcessId")],
            ((IEnumerable)waits[2].Get("BlockedBy")!).Cast<object>());
        Assert.StartsWith($"row of {blockade.Table}_", (string)waits[1].Get("AwaitedLock")!);
        Assert.Equal($"{blockade.Table} (AccessExclusiveLock)", waits[2].Get("AwaitedLock"));
        Assert.All(waits.Skip(1), w => Assert.True(w.Get("Waiting") is TimeSpan { Ticks: > 0 }));
        Assert.Null(waits[0].Get("Waiting"));
        Assert.Equal("    " + waits[2].Get("GlobalProcessId"), waits[2].Get("Session"));
    }

    [Fact]
    public void The_row_is_waited_for_on_the_worker_that_holds_it()
    {
        Cluster.RequireCitus();
        PSObject waits, activity, home;
        using (var blockade = new Blockade(Cluster))
        {
            waits = Shell.Get("Get-CitusLockWait")[1];
            activity = Assert.Single(Shell.Get($"Get-CitusActivity | Where-Object {{ $_.GlobalProcessId -eq "
                + $"{waits.Get("GlobalProcessId")} }}"));
            blockade.Dispose();
            // Only now: it would have waited behind the LOCK TABLE.
            home = Shell.Run($"Get-ShardPlacement {blockade.Table} 5").Single;
        }

        Assert.Equal($"{home.Get("NodeName")}:{home.Get("NodePort")}", waits.Get("WaitsOn"));
        Assert.Equal(Cluster.Sandbox?.Get("Port") ?? waits.Get("NodePort"), waits.Get("NodePort"));
        object part = Assert.Single(((IEnumerable)activity.Get("Parts")!).Cast<object>());
        Assert.Equal((home.Get("NodePort"), "active", "Lock: transactionid"),
            (part.Get("NodePort"), part.Get("State"), part.Get("WaitsFor")));
        Assert.Contains((string)home.Get("ShardName")!, (string)part.Get("Query")!);
        Assert.Equal("Lock: transactionid", activity.Get("WaitsFor"));
    }

    [Fact]
    public void A_plain_role_sees_its_own_statement_and_is_told_that_the_others_are_hidden()
    {
        using var bystander = new Bystander(Cluster, everywhere: true);
        Cluster.Execute($"ALTER DEFAULT PRIVILEGES GRANT SELECT, UPDATE ON TABLES TO {bystander.Name}");
        try
        {
            using var blockade = new Blockade(Cluster, bystander.ConnectionString);

            RunResult run = Shell.Run("Get-CitusLockWait -Connection $bystander").Succeeded(),
                activity = Shell.Run("Get-CitusActivity -Connection $bystander").Succeeded();

            Assert.Equal([0, 1, 2], run.Output.Select(w => (int)w.Get("Depth")!));
            Assert.Equal([null, $"UPDATE {blockade.Table} SET value = 2 WHERE id = 5", null], run.Output.Select(w => w.Get("Query")));
            Assert.Equal(["postgres", bystander.Name, "postgres"], run.Output.Select(w => w.Get("UserName")));
            Assert.Contains($"GRANT pg_read_all_stats TO {bystander.Name}", Assert.Single(run.Warnings));
            Assert.Equal(run.Output[1].Get("GlobalProcessId"), Assert.Single(activity.Output).Get("GlobalProcessId"));
            Assert.Contains($"GRANT pg_read_all_stats TO {bystander.Name}", Assert.Single(activity.Warnings));
            Assert.Contains(Shell.Get("Get-CitusActivity -Connection $bystander -All -WarningAction SilentlyContinue"),
                a => (bool)a.Get("IsHidden")!);
        }
        finally
        {
            Cluster.Execute($"ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM {bystander.Name}");
        }
    }

    [Fact]
    public void A_role_that_the_nodes_refuse_sees_who_waits_and_is_told_which_nodes_it_does_not_see()
    {
        Cluster.RequireCitus();
        using var bystander = new Bystander(Cluster, everywhere: false, memberOf: "pg_read_all_stats");
        using var blockade = new Blockade(Cluster);

        RunResult run = Shell.Run("Get-CitusLockWait -Connection $bystander").Succeeded();

        Assert.Equal([0, 1, 2], run.Output.Select(w => (int)w.Get("Depth")!));
        Assert.All(run.Output, w => Assert.NotNull(w.Get("Query")));
        string[] workers = [.. Shell.Get("Get-CitusNode | Where-Object GroupId -NE 0")
            .Select(n => $"{n.Get("NodeName")}:{n.Get("NodePort")}")];
        Assert.Equal(workers.Length, run.Warnings.Count);
        Assert.All(workers, w => Assert.Contains(run.Warnings, text => text.Contains(w) && text.Contains("pg_dist_authinfo")));
    }

    [Fact]
    public void Where_none_waits_the_nodes_that_were_not_seen_are_told_all_the_same()
    {
        Cluster.RequireCitus();
        using var bystander = new Bystander(Cluster, everywhere: false);

        RunResult run = Shell.Run("Get-CitusLockWait -Connection $bystander").Succeeded();

        Assert.Empty(run.Output);
        Assert.NotEmpty(run.Warnings);
        Assert.All(run.Warnings, w => Assert.StartsWith("Not seen: ", w, StringComparison.Ordinal));
    }

    [Fact]
    public void Nothing_is_listed_where_none_waits()
    {
        RunResult run = Shell.Run("Get-CitusLockWait -Verbose").Succeeded();

        Assert.Empty(run.Output);
        Assert.Contains("No session waits for another's lock.", run.Verbose);
    }

    [Fact]
    public void The_session_that_asks_is_left_out_and_idle_ones_are_listed_on_demand()
    {
        using Npgsql.NpgsqlConnection idle = Cluster.Database.OpenConnection();

        Assert.DoesNotContain(Shell.Get("Get-CitusActivity"),
            a => a.Get("State") is "idle" || ((string)a.Get("Query")!).Contains("pg_stat_activity"));
        Assert.Contains(Shell.Get("Get-CitusActivity -All"), a => a.Get("ProcessId") is int id && id == idle.ProcessID);
    }
}
